// The accounts that own punks, or have sold or bought them.

const ADDRESS_DIGITS = 40;

const getDigits = ({ addresses }, number) =>
  addresses.slice(number * ADDRESS_DIGITS, (number + 1) * ADDRESS_DIGITS);

/** Return the address of the account with this number, or null if there is none. */
export function getAddress(collection, number) {
  if (number === null) return null;
  const digits = getDigits(collection, number);
  return /^0+$/.test(digits) ? null : `0x${digits}`; // The contract logs no buyer for some bids.
}

/**
 * Return the rows of the punks of an account, given its first digits and perhaps its last ones:
 * those that it owns, sold or bought, or with a `role`, "owner", "seller" or "buyer", only these.
 */
export function findRowsOf(collection, { role, first, last = "" }) {
  const { addresses, sales, owner } = collection;
  const numbers = new Set();
  for (let number = 0; number < addresses.length / ADDRESS_DIGITS; number++) {
    const digits = getDigits(collection, number);
    if (digits.startsWith(first) && digits.endsWith(last)) numbers.add(number);
  }
  const rows = new Set();
  if (!role || role === "owner") owner.forEach((number, row) => numbers.has(number) && rows.add(row));
  for (const name of ["seller", "buyer"].filter((other) => !role || role === other))
    sales?.[name].forEach((number, sale) => numbers.has(number) && rows.add(sales.row[sale]));
  return rows;
}
