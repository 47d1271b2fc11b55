import { readFileSync } from 'node:fs';

/** The checkout or package that this program runs from. */
export const packageRoot = new URL('../../', import.meta.url);

const manifest = JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')) as {
  readonly version: string;
};

/** Version of the program. */
export const { version } = manifest;
