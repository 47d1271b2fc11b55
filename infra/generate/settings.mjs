// docs/reference/configuration.md from the settings table.
import { environmentName, settingsTable } from '../../dist/cli/settings/table.js';

/** @returns {Map<string, string>} text by path */
export function generate() {
  const rows = settingsTable.map(({ key, fallback, help }) => {
    const shown = fallback === null ? 'none' : `\`${String(fallback)}\``;
    return `| \`${key}\` | \`${environmentName(key)}\` | ${shown} | ${help.replaceAll('|', '\\|')} |`;
  });
  const text = [
    '# Configuration',
    '',
    'Flags (`--set key=value`) go over the environment, the environment over one YAML file (`--config` or `STELE_CONFIG`), the file over the defaults.',
    'A key that is not here is an error. `stele config` prints what holds and where it came from. Made from `src/cli/settings/table.ts`.',
    '',
    '| setting | environment | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
  return new Map([['docs/reference/configuration.md', text]]);
}
