/**
 * Ids: the one text that an id has in keys, line items, messages and on the command line.
 *
 * A whole number is its own id. Any other text is an id with its unusual characters percent-encoded (RFC 3986, section 2.3), so that no
 * value can name another key or break the text of the line items: `a:b` is `a%3Ab`. An id of several columns is their ids, joined by `/`.
 *
 * I8: an id is text, because a BIGINT is exact only as text.
 *
 * Pure: no clock, no I/O.
 */

/** The characters of an id, for regular expressions. The same set is in apply/plan.lua. */
export const ID_CHARACTERS = String.raw`[A-Za-z0-9%._~/-]`;

const PLAIN = /^[A-Za-z0-9._~-]+$/;
const ID = new RegExp(`^${ID_CHARACTERS}+$`);

/** The id that a column's text stands for. The text must not be empty. */
export function idOfText(text: string): string {
  if (PLAIN.test(text)) return text;
  // Half of a surrogate pair cannot be encoded. Writing it as UTF-8 replaces it, as Debezium does.
  return encodeURIComponent(Buffer.from(text, 'utf8').toString('utf8')).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * The id of an order that a person gives: as MySQL prints it, or with unusual characters encoded, as in the keys of Redis. Undefined for
 * the empty text, which is no id. An order id never has several columns.
 */
export function givenOrderId(text: string): string | undefined {
  if (text === '') return undefined;
  return isId(text) && !text.includes('/') ? text : idOfText(text);
}

/** The text of the column with this id. It is the reverse of `idOfText`. */
export function textOfId(id: string): string {
  return PLAIN.test(id) ? id : decodeURIComponent(id);
}

/** True for every text that an id can have. */
export function isId(text: string): boolean {
  if (PLAIN.test(text)) return true;
  if (!ID.test(text)) return false;
  return text.split('/').every((part) => {
    try {
      return part !== '' && idOfText(decodeURIComponent(part)) === part;
    } catch {
      return false;
    }
  });
}

/**
 * The order of line items: negative numbers first, then shorter ids before longer ones, and ids of one length by their characters.
 * So whole numbers are in numeric order, at any length.
 */
export function isIdBefore(a: string, b: string): boolean {
  const [isNegativeA, isNegativeB] = [a.startsWith('-'), b.startsWith('-')];
  if (isNegativeA !== isNegativeB) return isNegativeA;
  const [low, high] = isNegativeA ? [b, a] : [a, b];
  return low.length === high.length ? low < high : low.length < high.length;
}
