// The default policy with other data: what it decides stays the same, and it is another policy.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { unpackBundle } from '../../dist/policy/bundle/bundle.js';

/** @returns {Promise<Map<string, Uint8Array>>} its files by name, without a signature */
export async function candidateFiles(name) {
  const files = new Map(await unpackBundle(readFileSync('bundles/default/bundle.tar.gz')));
  const data = JSON.parse(Buffer.from(files.get('data.json')).toString());
  data.settings.class_of_source = { [name]: 'standard' };
  files.set('data.json', Buffer.from(JSON.stringify(data)));
  return files;
}

/** A bundle of these files. */
export async function packed(files) {
  const entries = [...files].map(([file, body]) => ({
    header: { name: `/${file}`, size: body.length, type: 'file' },
    body,
  }));
  return new Uint8Array(gzipSync(await packTar(entries)));
}
