/** The rights of the worker's Redis user, as the README grants them. */
import {readFileSync} from 'node:fs';

/** The rules of the README's ACL line, with this password. */
export function rulesOfReadme(password: string): string[] {
  const rules = /^ACL SETUSER projector (.+)$/m.exec(readFileSync('README.md', 'utf8'))?.[1];
  if (rules === undefined) throw new Error('the README has no line `ACL SETUSER projector ...`');
  return rules.split(' ').map((rule) => (rule.startsWith('>') ? `>${password}` : rule));
}
