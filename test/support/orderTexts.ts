/**
 * What the script ORDER_TEXTS returns (src/operations/verify/orderTexts.ts), for a Redis in memory. test/integration/orderTexts.test.ts compares
 * both.
 */
import type {TextHost} from '../../src/operations/verify/orderTexts.js';

type Hash = Readonly<Record<string, string>>;

/** `hash` and `text` return undefined if the key holds another type. An absent hash has no fields, and an absent text is null. */
export function orderTexts(
  hash: (key: string) => Hash | undefined,
  text: (key: string) => string | null | undefined,
): TextHost['run'] {
  return async (_script, _key, [orderBegin = '', linesBegin = '', size = '0', ...rest]) => {
    await Promise.resolve();
    const [fields, ids] = [rest.slice(0, Number(size)), rest.slice(Number(size))];
    const parts = ids.flatMap((id) => {
      const found = hash(orderBegin + id);
      const lines = text(linesBegin + id);
      return [
        found === undefined ? '\x01' : String(Object.keys(found).length),
        ...fields.map((field) => found?.[field] ?? '\x01'),
        lines === undefined ? '\x01' : (lines ?? ''),
      ];
    });
    return parts.join('\0');
  };
}
