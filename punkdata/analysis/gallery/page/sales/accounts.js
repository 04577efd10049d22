// The accounts that sold or bought punks.

const ADDRESS_DIGITS = 40;

/** Return the digits of the address with a number. */
const getDigits = ({ addresses }, number) =>
  addresses.slice(number * ADDRESS_DIGITS, (number + 1) * ADDRESS_DIGITS);

/** Return the address of the "seller" or the "buyer" of a sale, or null if it is unknown. */
export function getParty(sales, sale, role) {
  const number = sales[role]?.[sale] ?? null;
  if (number === null) return null;
  const digits = getDigits(sales, number);
  return /^0+$/.test(digits) ? null : `0x${digits}`; // The contract logs no buyer for some bids.
}

/**
 * Return the rows of the punks with a sale of an account, given its first digits and perhaps its
 * last ones. With a `role`, "seller" or "buyer", other sales are ignored.
 */
export function findTradedRows(sales, { role, first, last = "" }) {
  const rows = new Set();
  if (!sales) return rows;
  const numbers = new Set();
  for (let number = 0; number < sales.addresses.length / ADDRESS_DIGITS; number++) {
    const digits = getDigits(sales, number);
    if (digits.startsWith(first) && digits.endsWith(last)) numbers.add(number);
  }
  const roles = role ? [role] : ["seller", "buyer"];
  sales.row.forEach((row, sale) => {
    if (roles.some((name) => numbers.has(sales[name][sale]))) rows.add(row);
  });
  return rows;
}
