// Outfits: a type, a skin tone, and accessories, of which a punk has at most one in each slot.
//
// An outfit is { type, tone, accessories }: an index of the types; 1 (darkest) to 4 for Females and
// Males, 0 for others; and indices of the accessories in ascending order.

import { pluralize } from "../data/format.js";

const MAX_TONE = 4;
const USUAL_TONE = 2;

/** Return whether punks of a type have a skin tone. */
export const hasTone = ({ typeNames }, type) => ["Female", "Male"].includes(typeNames[type]);

/** Return the slot of an accessory. */
export const findSlot = ({ slots }, accessory) => slots.find(({ accessories }) => accessories.includes(accessory));

/** Return the accessory that an outfit has in a slot; undefined if it is empty. */
export const getWorn = (outfit, slot) => outfit.accessories.find((other) => slot.accessories.includes(other));

/** Join names in a sentence: "Male", "Ape and Male", "Alien, Ape and Male". */
function joinNames(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** Return why an accessory cannot be added to an outfit, as a sentence; null if it can. */
export function findObstacle(rules, outfit, accessory) {
  const name = rules.accessoryNames[accessory];
  if (!rules.allowed[outfit.type].includes(accessory)) {
    const others = rules.typeNames.filter((_, type) => rules.allowed[type].includes(accessory));
    return `${name}: only for the ${others.length === 1 ? "type" : "types"} ${joinNames(others)}.`;
  }
  const isReplacing = getWorn(outfit, findSlot(rules, accessory)) !== undefined;
  if (!isReplacing && outfit.accessories.length >= rules.maxWorn)
    return `${name}: a punk has at most ${pluralize(rules.maxWorn, "accessory", "accessories")}. Remove one first.`;
  return null;
}

/** Add an accessory to an outfit, in place of the one in its slot, or remove it. */
export function toggleAccessory(rules, outfit, accessory) {
  const { accessories } = findSlot(rules, accessory);
  const kept = outfit.accessories.filter((other) => !accessories.includes(other));
  const added = outfit.accessories.includes(accessory) ? [] : [accessory];
  return { ...outfit, accessories: [...kept, ...added].sort((a, b) => a - b) };
}

/** Change the type of an outfit, without the accessories that the new type cannot have. */
export function changeType(rules, outfit, type) {
  return {
    type,
    tone: hasTone(rules, type) ? outfit.tone || USUAL_TONE : 0,
    accessories: outfit.accessories.filter((accessory) => rules.allowed[type].includes(accessory)),
  };
}

/** Return the text of an outfit in the address: "Female,2,Pipe,Wild Hair", or "Zombie,Pipe". */
export const writeOutfit = ({ type, tone, accessories }, { typeNames, accessoryNames }) =>
  [typeNames[type], ...(tone ? [tone] : []), ...accessories.map((accessory) => accessoryNames[accessory])].join(",");

/** Return the outfit that a text encodes, without impossible parts; null if there is no such type. */
export function readOutfit(text, rules) {
  const [typeName, ...parts] = text.split(",");
  const type = rules.typeNames.indexOf(typeName);
  if (type < 0) return null;
  const tone = Number(parts.find((part) => /^\d$/.test(part)));
  const start = changeType(rules, { tone: tone >= 1 && tone <= MAX_TONE ? tone : 0, accessories: [] }, type);
  const accessories = parts.map((name) => rules.accessoryNames.indexOf(name)).filter((accessory) => accessory >= 0);
  return addAccessories(rules, start, accessories);
}

/**
 * Return an outfit with these labels, as far as they fit together. Without a type, it is a Male, or else the
 * first type that can have the accessories.
 */
export function createOutfit(rules, labels) {
  const numTypes = rules.typeNames.length;
  const wanted = labels.filter((label) => label >= numTypes).map((label) => label - numTypes);
  const types = [rules.typeNames.indexOf("Male"), ...rules.typeNames.keys()];
  const type =
    labels.find((label) => label < numTypes) ??
    types.find((other) => wanted.every((accessory) => rules.allowed[other].includes(accessory))) ??
    types[0];
  return addAccessories(rules, changeType(rules, { tone: 0, accessories: [] }, type), wanted);
}

/** Add accessories to an outfit, except those that are impossible and those whose slot is filled. */
const addAccessories = (rules, outfit, accessories) =>
  accessories.reduce((sum, accessory) => {
    const isFilled = getWorn(sum, findSlot(rules, accessory)) !== undefined;
    return isFilled || findObstacle(rules, sum, accessory) ? sum : toggleAccessory(rules, sum, accessory);
  }, outfit);

/** Return the name of an outfit: "Zombie with 3D Glasses and Mohawk". */
export function describeOutfit({ type, accessories }, { typeNames, accessoryNames }) {
  const names = accessories.map((accessory) => accessoryNames[accessory]);
  return names.length ? `${typeNames[type]} with ${joinNames(names)}` : `${typeNames[type]} without accessories`;
}
