// Helpers that find and create elements.

export const narrowScreen = matchMedia("(max-width: 899px)"); // The filters are above the punks.
export const phoneScreen = matchMedia("(max-width: 599px)"); // The detail pane covers the whole page.

/** Return the element with this id. */
export const getById = (id) => document.getElementById(id);

/** Create an HTML element. Properties with a dash in their name, and `role`, become attributes. */
export function createElement(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

/** Create an SVG element. */
export function createSvg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Create a description list from pairs of term and description. */
export function createDescriptionList(pairs) {
  return createElement(
    "dl",
    {},
    ...pairs.flatMap(([term, text]) => [createElement("dt", {}, term), createElement("dd", {}, text)]),
  );
}
