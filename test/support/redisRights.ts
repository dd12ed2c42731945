/** The rights of the worker's Redis user, as the README grants them. */
import {readFileSync} from 'node:fs';

/** The rules of one of the README's ACL lines, with this password. */
export function rulesOfReadme(password: string, user: 'projector' | 'operator' = 'projector'): string[] {
  const rules = new RegExp(`^ACL SETUSER ${user} (.+)$`, 'm').exec(readFileSync('README.md', 'utf8'))?.[1];
  if (rules === undefined) throw new Error(`the README has no line \`ACL SETUSER ${user} ...\``);
  return rules.split(' ').map((rule) => (rule.startsWith('>') ? `>${password}` : rule));
}
