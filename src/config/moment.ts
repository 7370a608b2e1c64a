/** Moments as operators write them. Pure. */

/** How one is written. */
export const MOMENT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/u;

export const EXPECTED = "expected a date such as 2027-01-31, or 2027-01-31T18:00:00Z with its zone";

/** An ISO 8601 date (midnight UTC) or date and time with a zone → Unix milliseconds; a string says what is wrong. */
export function readMoment(text: string): number | string {
  if (!MOMENT.test(text)) return EXPECTED;
  const at = Date.parse(text);
  // Date.parse takes 2027-02-30 for March 2nd: a day that does not exist is a slip, not a date.
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  const exists = !Number.isNaN(at) && day.toISOString().slice(0, 10) === text.slice(0, 10);
  return exists ? at : "there is no such date";
}
