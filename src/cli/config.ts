/** `projector config`: every setting with its value, its default and its reason. Secrets are not printed. */
import {EXIT} from '../errorPolicy.js';
import {readConfig, type Environment} from '../config.js';
import {SETTINGS, type Setting} from '../settings.js';
import {table, type Output} from './output.js';

export function config(
  options: {readonly json: boolean},
  {environment, output}: {environment: Environment; output: Output},
): number {
  readConfig(environment, []);
  const settings: Setting<unknown>[] = Object.values(SETTINGS);
  const rows = settings.map((setting) => {
    const file = environment[`${setting.env}_FILE`] ?? '';
    const given = file === '' ? environment[setting.env] || undefined : `(from ${file})`;
    const shown = given !== undefined && setting.secret === true ? '<redacted>' : given;
    return {
      name: setting.env,
      value: shown ?? setting.default ?? null,
      default: setting.default ?? null,
      meaning: setting.desc,
    };
  });
  if (options.json) output.line(JSON.stringify(rows));
  else {
    const cells = rows.map((row) => [row.name, row.value ?? '(not set)', row.meaning]);
    for (const line of table(['setting', 'value', 'meaning'], cells)) output.line(line);
  }
  return EXIT.ok;
}
