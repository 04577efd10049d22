// Prints columns of the collection that a page unpacks, as JSON: node read_page.mjs PAGE.html NAME…

import { readFileSync } from "node:fs";
import { createCollection } from "../../punkdata/analysis/gallery/page/data/collection.js";
import { unpackBytes } from "../../punkdata/analysis/gallery/page/data/unpacking.js";

const [file, ...names] = process.argv.slice(2);
const page = readFileSync(file, "utf8");
const unpack = (id) => unpackBytes(page.match(new RegExp(`id="${id}">([^<]*)<`))[1]);
const data = JSON.parse(new TextDecoder().decode(await unpack("data")));
const collection = createCollection(data, await unpack("sprites"));
const encode = (value) => (ArrayBuffer.isView(value) ? [...value] : value);
console.log(JSON.stringify(Object.fromEntries(names.map((name) => [name, encode(collection[name])]))));
