// The address of an account, as a button that searches for its punks.

import { shortenAddress } from "../data/format.js";
import { createElement, phoneScreen } from "../dom/elements.js";

export const EXPLORER = "https://etherscan.io";

/** Create the button that searches for the punks of an account, and the link to its transactions. */
export function createAccount(app, address) {
  if (!address) return ["unknown"];
  const query = shortenAddress(address);
  const onclick = () => (phoneScreen.matches ? app.closePunk({ query }) : app.change({ query }));
  const title = `Search for the punks that ${address} owns or traded`;
  const link = createLink(`${EXPLORER}/address/${address}`, "↗", `${address} at etherscan.io`);
  link.ariaLabel = link.title;
  return [createElement("button", { type: "button", className: "account", title, onclick }, query), " ", link];
}

/** Create a link to another site, which opens only when it is clicked. */
export const createLink = (href, text, title = "") =>
  createElement("a", { href, title, target: "_blank", rel: "noopener noreferrer" }, text);
