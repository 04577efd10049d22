// Numbers, prices and dates as text.

export const NO_MATCH_TEXT = "No punks match these filters.";
const COUNT_FORMAT = new Intl.NumberFormat("en");
const DATE_FORMAT = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" });
const MONTH_FORMAT = new Intl.DateTimeFormat("en", { year: "numeric", month: "short", timeZone: "UTC" });

/** Format an integer with thousands separators. */
export const formatCount = (n) => COUNT_FORMAT.format(n);

/** Format Unix seconds as a UTC date. */
export const formatDate = (seconds) => DATE_FORMAT.format(seconds * 1000);

/** Format a month, counted from January of the year 0. */
export const formatMonth = (month) => MONTH_FORMAT.format(Date.UTC(Math.floor(month / 12), month % 12));

/** Format a price with about four significant digits: 3,490, 45.32, 0.051, 0.000001. */
export function formatPrice(price) {
  const digits = price >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 };
  return price.toLocaleString("en", digits);
}

export const formatEth = (price) => `${formatPrice(price)} ETH`;

const DOLLAR_FORMAT = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 0 });

export const formatDollars = (dollars) => DOLLAR_FORMAT.format(dollars);

/** Return the first and last four digits of an address, 0x1234…abcd. */
export const shortenAddress = (address) => `${address.slice(0, 6)}…${address.slice(-4)}`;

/** Format a number compactly: 2M, 15k, 0.05. */
export function formatCompact(n) {
  if (n >= 1e6) return `${n / 1e6}M`;
  if (n >= 1e4) return `${n / 1e3}k`;
  return Number(n.toPrecision(6)).toLocaleString("en", { maximumSignificantDigits: 6 });
}

/** Format a count with its noun, in the singular or plural. */
export function pluralize(n, singular, plural = `${singular}s`) {
  return `${formatCount(n)} ${n === 1 ? singular : plural}`;
}
