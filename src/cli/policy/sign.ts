import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { sha256Base64Url } from '#platform';
import { SteleError } from '../../core/errors.ts';
import { jwkThumbprint } from '../../core/json/jws.ts';
import { namedSigner, SIGNATURES_FILE, signBundleFiles } from '../../keys/bundle-signatures.ts';
import { loadKey } from '../../keys/key-files.ts';
import type { PrivateKey } from '../../keys/key-files.ts';
import { parseBundle, unpackBundle } from '../../policy/bundle/bundle.ts';
import { prependFiles, withoutPrepended } from '../../policy/bundle/archive.ts';
import { CASES_FOLDER, casesOf } from '../../policy/bundle/cases.ts';
import { contextOf } from '../context.ts';

interface SignFlags {
  readonly signingKey: string;
  readonly scope: string;
  readonly cases?: string;
  readonly output?: string;
}

/** A bundle as it was signed. */
export interface SignedBundle {
  readonly archive: Uint8Array;
  /** SHA-256 of the archive, base64url: what approvals name. */
  readonly digest: string;
  readonly signer: string;
  /** Key of the signature that was there, where it was another's: approvals of that bundle are void. */
  readonly replaces: string | null;
  readonly revision: string;
  /** Files that the signature lists. */
  readonly files: number;
  /** Golden cases among them. */
  readonly cases: number;
}

/** `stele policy sign`: a bundle gets its golden cases and its signature; what was built in it stays as it is. */
export function policySignCommand(declared: Command): void {
  declared
    .argument('<bundle>', 'bundle.tar.gz as `opa build -t wasm` makes it')
    .requiredOption('--signing-key <file>', 'private key, JWK or PKCS #8 PEM: Ed25519 or P-256')
    .option('--scope <scope>', 'what the bundle is for; gateways compare it', '')
    .option('--cases <folder>', 'golden cases (*.json) that every gateway runs before it decides')
    .option('--output <file>', 'where the signed bundle is written; default: in place')
    .addHelpText(
      'after',
      '\nExample:\n  stele policy sign bundle.tar.gz --signing-key author.pem --cases rego/cases\nSigned again, by Ed25519, the same bundle has the same bytes.',
    )
    .action(async (path: string, flags: SignFlags, command: Command) => {
      const { output } = contextOf(command);
      const key = await loadKey(flags.signingKey);
      const cases = flags.cases === undefined ? null : await readCases(flags.cases);
      const { archive, ...signed } = await signBundle(await readFile(path), key, {
        scope: flags.scope,
        cases,
      });
      const target = flags.output ?? path;
      await writeFile(`${target}.draft`, archive, { flush: true });
      await rename(`${target}.draft`, target);
      const { digest, signer, replaces, revision, files } = signed;
      if (replaces !== null) {
        output.note(
          `replaces the signature of ${replaces}: it is another bundle now, to approve again`,
        );
      }
      output.result(
        { bundle: target, scope: flags.scope, ...signed },
        `${target}: revision ${revision}, ${files} files signed by ${signer}\ndigest ${digest}`,
      );
    });
}

/**
 * Signs a bundle, again if it was signed here before.
 *
 * @param options - `cases`: files to go in; null keeps those that are in.
 * @throws {@link SteleError} `bundle_signed` when somebody else's tool signed it: that signature would have to be cut out
 *   of what was built. And whatever is wrong with the bundle or its cases.
 */
export async function signBundle(
  given: Uint8Array,
  key: PrivateKey,
  options: { readonly scope: string; readonly cases: ReadonlyMap<string, Uint8Array> | null },
): Promise<SignedBundle> {
  const built = withoutPrepended(given, SIGNATURES_FILE);
  const files = await unpackBundle(built);
  if (files.has(SIGNATURES_FILE)) {
    throw new SteleError('bundle_signed', `bundle was built with a ${SIGNATURES_FILE} of its own`, {
      disposition: 'fix-input',
    });
  }
  const present = await unpackBundle(given);
  const cases = options.cases ?? keptCases(present, files);
  for (const [name, bytes] of cases) files.set(name, bytes);
  const { revision } = parseBundle(built, files);
  const signature = await signBundleFiles(files, key, options.scope);
  const signer = jwkThumbprint(key.jwk);
  const before = namedSigner(present);
  const archive = await prependFiles(built, new Map([...cases, [SIGNATURES_FILE, signature]]));
  return {
    archive,
    digest: sha256Base64Url(archive),
    signer,
    replaces: before === null || before === signer ? null : before,
    revision,
    files: files.size,
    cases: casesOf(files).length,
  };
}

/** Cases that came with the signature that is replaced. */
function keptCases(
  given: ReadonlyMap<string, Uint8Array>,
  built: ReadonlyMap<string, Uint8Array>,
): ReadonlyMap<string, Uint8Array> {
  return new Map([...given].filter(([name]) => name.startsWith(CASES_FOLDER) && !built.has(name)));
}

async function readCases(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  return new Map(
    await Promise.all(
      names.map(
        async (name) => [`${CASES_FOLDER}${name}`, await readFile(join(folder, name))] as const,
      ),
    ),
  );
}
