/** Names the changes in MySQL that write no row event, before a command reads or compares its rows. */
import type {MysqlClient} from '../clients/mysql.js';
import type {SourceSchema} from '../domain/sourceSchema.js';
import {asProjectorError} from '../runtime/errors.js';
import {AUDIT} from '../upstream/silentChange.js';
import {findSilentChangeFacts} from '../upstream/silentChangeFacts.js';
import {silentChanges} from '../upstream/silentChanges.js';

/** Prints one line for each finding. It never rejects, because a command can do its work without these warnings. */
export async function warnOfSilentChanges(
  mysql: Pick<MysqlClient, 'consistentSnapshot'>,
  schema: SourceSchema,
  note: (text: string) => void,
): Promise<void> {
  try {
    const facts = await mysql.consistentSnapshot(async (ask) => await findSilentChangeFacts(ask, schema));
    const found = silentChanges(facts, schema);
    for (const {what, fix} of found) note(`warning: ${what}. ${fix}`);
    if (found.length > 0) note(AUDIT);
  } catch (error) {
    noteUnasked(error, note);
  }
}

/** Says that the warnings are missing, and why. */
export function noteUnasked(error: unknown, note: (text: string) => void): void {
  note(
    `warning: could not check MySQL for changes that write no row event: ${asProjectorError(error).detail}`,
  );
}
