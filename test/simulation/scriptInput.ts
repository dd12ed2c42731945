/** The arguments of apply.lua, read in the order that its header gives. */
export interface Patch {
  readonly id: string;
  readonly mode: 'keep' | 'upsert' | 'replace' | 'clear';
  readonly row:
    {readonly user: string; readonly amount: string; readonly extra: readonly (string | null)[]} | undefined;
  /** Line id, and `product_id:quantity` or '' (deleted). */
  readonly lines: readonly (readonly [string, string])[];
}

export interface CreatedSums {
  /** Product id -> units; also products that only other orders name, with 0. */
  readonly sold: ReadonlyMap<string, bigint>;
  readonly spent: ReadonlyMap<string, bigint>;
  readonly units: bigint;
  readonly revenue: bigint;
  /** By order id. */
  readonly itemFields: ReadonlyMap<string, readonly [string, string]>;
}

export interface ScriptInput {
  readonly next: string;
  readonly prefix: string;
  readonly layout: string;
  readonly extraNames: readonly string[];
  readonly products: readonly string[];
  /** What the worker has worked out for the orders that the chunk creates: holds when none of them is there. */
  readonly created: CreatedSums;
  readonly quarantined: readonly (readonly [string, string])[];
  readonly settled: readonly string[];
  /** Those of the created orders first. */
  readonly patches: readonly Patch[];
}

export function readArguments(args: readonly string[]): ScriptInput {
  let at = 1;
  const take = (): string => {
    const text = args[at++];
    if (text === undefined) throw new Error('the script was given too few arguments');
    return text;
  };
  const takeMany = <T>(one: () => T): T[] => Array.from({length: Number(take())}, one);
  const pair = (): readonly [string, string] => [take(), take()];
  const [next, prefix, layout] = [take(), take(), take()];
  const extraNames = takeMany(take);
  const takePairs = (): (readonly [string, string])[] => Array.from({length: Number(take()) / 2}, pair);
  const [sold, spent] = [takePairs(), takePairs()];
  const [units, revenue] = [BigInt(take()), BigInt(take())];
  const itemFields = new Map<string, readonly [string, string]>();
  const createdPatches = takeMany((): Patch => {
    const id = take();
    const row = takeRow(take, extraNames.length);
    itemFields.set(id, pair());
    return {id, mode: 'upsert', row, lines: takeMany(pair)};
  });
  const [quarantined, settled] = [takeMany(pair), takeMany(take)];
  const otherPatches = takeMany((): Patch => {
    const [id, mode] = [take(), take() as Patch['mode']];
    const row = mode === 'upsert' || mode === 'replace' ? takeRow(take, extraNames.length) : undefined;
    return {id, mode, row, lines: takeMany(pair)};
  });
  if (at !== args.length) throw new Error('the script was given too many arguments');
  const sums = (pairs: (readonly [string, string])[]): Map<string, bigint> =>
    new Map(pairs.map(([member, number]) => [member, BigInt(number)]));
  const created = {sold: sums(sold), spent: sums(spent), units, revenue, itemFields};
  const patches = [...createdPatches, ...otherPatches];
  const products = sold.map(([product]) => product);
  return {next, prefix, layout, extraNames, products, created, quarantined, settled, patches};
}

function takeRow(take: () => string, extraColumns: number): NonNullable<Patch['row']> {
  const [user, amount] = [take(), take()];
  const extra = Array.from({length: extraColumns}, () => {
    const text = take();
    return text.startsWith('+') ? text.slice(1) : null;
  });
  return {user, amount, extra};
}
