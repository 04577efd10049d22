// The state as the fragment of the address, for example #type=Zombie&sort=rank.

import { isInitial } from "./state.js";

/** Return the state that an address encodes. Values that are not valid are ignored. */
export function readAddress(hash, collection, parameters) {
  const texts = new URLSearchParams(hash.replace(/^#/, ""));
  const read = ({ key, initial, read }) => (texts.has(key) ? (read(texts.get(key), collection) ?? initial) : initial);
  return Object.fromEntries(Object.entries(parameters).map(([name, parameter]) => [name, read(parameter)]));
}

/** Return the fragment that encodes a state. Initial values are left out. */
export function writeAddress(state, collection, parameters) {
  const texts = new URLSearchParams();
  for (const [name, { key, write = String }] of Object.entries(parameters))
    if (!isInitial(state, name, parameters)) texts.set(key, write(state[name], collection));
  return `#${texts.toString().replaceAll("%2C", ",")}`;
}
