// A list of suggestions below a text field, which is then a combobox.

import { createElement } from "./elements.js";

/**
 * Attach a list to a field, and return its functions: `show(options)` replaces the options, each
 * with `text`, `note` and optionally an `icon` element; `acceptActive()` chooses the active option,
 * and returns whether there was one. `onAccept(option)` is called when an option is chosen.
 */
export function attachSuggestions(field, list, onAccept) {
  let options = [];
  let active = -1;
  const setActive = (index) => {
    active = index;
    [...list.children].forEach((item, i) => item.setAttribute("aria-selected", i === active));
    list.children[active]?.scrollIntoView({ block: "nearest" });
    if (active >= 0) field.setAttribute("aria-activedescendant", list.children[active].id);
    else field.removeAttribute("aria-activedescendant");
  };
  const show = (newOptions) => {
    options = newOptions;
    list.replaceChildren(...options.map((option, i) => createOption(option, `${list.id}-${i}`)));
    [...list.children].forEach((item, i) => (item.onclick = () => onAccept(options[i])));
    list.hidden = options.length === 0;
    field.ariaExpanded = options.length > 0;
    setActive(-1);
  };
  const acceptActive = () => {
    if (active < 0) return false;
    onAccept(options[active]);
    return true;
  };
  field.addEventListener("keydown", (event) => {
    if (!options.length) return;
    if (event.key === "Escape") show([]);
    else if (event.key === "ArrowDown") setActive(active + 1 < options.length ? active + 1 : -1);
    else if (event.key === "ArrowUp") setActive(active < 0 ? options.length - 1 : active - 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  field.addEventListener("blur", () => show([]));
  list.addEventListener("mousedown", (event) => event.preventDefault()); // The field keeps the focus.
  return { show, acceptActive };
}

const createOption = ({ text, note, icon }, id) =>
  createElement(
    "li",
    { id, role: "option", "aria-selected": "false" },
    ...(icon ? [icon] : []),
    createElement("span", {}, text),
    createElement("span", { className: "count" }, note),
  );
