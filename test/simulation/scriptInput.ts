/** Parses the arguments of apply.lua in the order that its header documents. */
export interface Patch {
  readonly id: string;
  readonly mode: 'keep' | 'upsert' | 'replace' | 'clear' | 'hide';
  readonly row:
    {readonly user: string; readonly amount: string; readonly extra: readonly (string | null)[]} | undefined;
  /** The id of a line item, and `product_id:quantity`, or '' if it is deleted. */
  readonly lines: readonly (readonly [string, string])[];
}

export interface CreatedSums {
  /** Product id -> units. Products that only other orders of the chunk name are included with 0. */
  readonly sold: ReadonlyMap<string, bigint>;
  readonly spent: ReadonlyMap<string, bigint>;
  readonly units: bigint;
  readonly revenue: bigint;
  /** The fields `items_count` and `items`, by order id. */
  readonly itemFields: ReadonlyMap<string, readonly [string, string]>;
}

export interface ScriptInput {
  readonly next: string;
  readonly prefix: string;
  readonly layout: string;
  readonly extraNames: readonly string[];
  readonly products: readonly string[];
  /**
   * The sums that the worker computed for the orders that the chunk creates. Valid if none of them exists.
   */
  readonly created: CreatedSums;
  readonly quarantined: readonly (readonly [string, string])[];
  readonly settled: readonly string[];
  /** The decimals of the amounts of line items. Undefined if orders have an amount of their own. */
  readonly itemDecimals: number | undefined;
  /** Why an audit is necessary. Undefined if it is not. */
  readonly audit: {readonly request: string; readonly isTruncated: boolean} | undefined;
  /** Where the differences of counters and reports go. Undefined: the script writes both itself. */
  readonly outbox: string | undefined;
  /** The patches of the created orders come first. */
  readonly patches: readonly Patch[];
}

type Text = string | number;

export function readArguments(args: readonly string[]): ScriptInput {
  const [, next = '', prefix = '', layout = '', chunk = '', outbox] = args;
  const [extraNames, sold, spent, sums, created, quarantined, settled, otherCount, others, decimals, audit] =
    JSON.parse(chunk) as [
      ...[
        string[],
        Text[],
        Text[],
        number[],
        Text[],
        Text[],
        string[],
        number,
        Text[],
        number,
        [] | [string, number],
      ],
    ];
  const [units = 0, high = 0, low = 0, , createdCount = 0] = sums;
  const itemFields = new Map<string, readonly [string, string]>();
  const createdPatches = new Reader(created).all(createdCount, (reader): Patch => {
    const id = reader.text();
    const row = rowOf(reader, extraNames.length);
    itemFields.set(id, reader.pair());
    return {id, mode: 'upsert', row, lines: linesOf(reader.text())};
  });
  const otherPatches = new Reader(others).all(otherCount, (reader): Patch => {
    const [id, mode] = [reader.text(), reader.text() as Patch['mode']];
    const row = mode === 'upsert' || mode === 'replace' ? rowOf(reader, extraNames.length) : undefined;
    return {id, mode, row, lines: reader.pairs(reader.number() / 2)};
  });
  const worked: CreatedSums = {
    sold: sumsOf(sold),
    spent: sumsOf(spent),
    itemFields,
    units: BigInt(units),
    revenue: BigInt(high) * 10n ** 8n + BigInt(low),
  };
  return {
    next,
    prefix,
    layout,
    extraNames,
    created: worked,
    settled,
    outbox,
    itemDecimals: decimals < 0 ? undefined : decimals,
    audit: audit.length === 0 ? undefined : {request: audit[0], isTruncated: audit[1] === 1},
    products: [...worked.sold.keys()],
    quarantined: new Reader(quarantined).pairs(quarantined.length / 2),
    patches: [...createdPatches, ...otherPatches],
  };
}

/** Reads one text after the other, and fails if any is left at the end. */
class Reader {
  readonly #texts: readonly Text[];
  #at = 0;

  constructor(texts: readonly Text[]) {
    this.#texts = texts;
  }

  all<T>(count: number, one: (reader: this) => T): T[] {
    const found = Array.from({length: count}, () => one(this));
    if (this.#at !== this.#texts.length) throw new Error('the script was given too many texts');
    return found;
  }

  text(): string {
    const text = this.#texts[this.#at++];
    if (typeof text !== 'string') throw new Error('the script was given no text where one belongs');
    return text;
  }

  number(): number {
    const number = this.#texts[this.#at++];
    if (typeof number !== 'number') throw new Error('the script was given no number where one belongs');
    return number;
  }

  pair(): readonly [string, string] {
    return [this.text(), this.text()];
  }

  pairs(count: number): (readonly [string, string])[] {
    return Array.from({length: count}, () => this.pair());
  }
}

function sumsOf(texts: readonly Text[]): Map<string, bigint> {
  const reader = new Reader(texts);
  const sums = reader.all(texts.length / 2, () => [reader.text(), BigInt(reader.number())] as const);
  return new Map(sums);
}

function rowOf(reader: Reader, extraColumns: number): NonNullable<Patch['row']> {
  const [user, amount] = reader.pair();
  const extra = Array.from({length: extraColumns}, () => {
    const text = reader.text();
    return text.startsWith('+') ? text.slice(1) : null;
  });
  return {user, amount, extra};
}

/** Parses `line item id:product_id:quantity;...`. */
function linesOf(text: string): (readonly [string, string])[] {
  if (text === '') return [];
  return text.split(';').map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1)] as const;
  });
}
