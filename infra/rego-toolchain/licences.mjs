// The licences of everything that is linked into the module: Go's own, and those of the modules with their notices.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { environment } from './paths.mjs';

const LICENCE = /^(licen[cs]e|copying|notice|patents)([.-].*)?$/i;

/** @returns {string} one text. @throws where a module brings none: then it may not be shipped. */
export function licencesOf(modules) {
  const parts = modules.map(({ path, version, folder }) => {
    return section(`${path} ${version}`, licenceFiles(folder), folder);
  });
  const goRoot = spawnSync('go', ['env', 'GOROOT'], { encoding: 'utf8', env: environment });
  const folder = goRoot.stdout.trim();
  const own = [folder, dirname(folder)].find((each) => existsSync(join(each, 'LICENSE')));
  if (own === undefined) throw new Error('the Go release brings no LICENSE');
  return [
    'rego.wasm.br holds code of the modules below, compiled. Each stands under its own licence.\n',
    section('Go standard library and runtime', ['LICENSE'], own),
    ...parts,
  ].join('\n');
}

function licenceFiles(folder) {
  return readdirSync(folder)
    .filter((name) => LICENCE.test(name))
    .sort();
}

function section(title, names, folder) {
  if (names.length === 0) throw new Error(`${title} brings no licence`);
  const texts = names.map(
    (name) => `--- ${name} ---\n\n${readFileSync(join(folder, name), 'utf8').trim()}\n`,
  );
  return `${'='.repeat(80)}\n${title}\n${'='.repeat(80)}\n\n${texts.join('\n')}`;
}
