import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { SteleError } from '../../core/errors.ts';
import { parseJws, parsePublicJwk } from '../../core/json/jws.ts';
import type { PublicJwk } from '../../core/json/jws.ts';
import { applySchema, Base64Url32, Person } from '../../core/entry/schema.ts';
import { CertificateSchema, makeCertificate, statementTypes } from '../../core/ledger/statement.ts';
import type { CertificateFields, Statement } from '../../core/ledger/statement.ts';
import type { JsonValue } from '../../core/json/strict-json.ts';
import { loadKey } from '../../keys/key-files.ts';
import { jwsSigner } from '../../keys/signers.ts';
import { readGenesis } from '../../ledger/log/init.ts';
import { contextOf } from '../context.ts';
import type { Configuration } from '../settings/configuration.ts';
import { homeOf, keyAt, saveStatement } from '../open/home.ts';
import { malformed, readJsonFile } from '../option-values.ts';
import { openStore } from '../open/store.ts';

/** The certificate of a person's key, as far as it says so itself. */
export type PersonCertificate = Extract<CertificateFields, { readonly person: string }> & {
  readonly statement: Statement;
};

interface CertifyFlags {
  readonly person: string;
  readonly use: string;
  readonly signingKey?: string;
  readonly jwk?: string;
  readonly root?: string;
  readonly genesis?: string;
  readonly out: string;
}

/** `stele policy certify`: the root says whose key it is, and what for. */
export function policyCertifyCommand(declared: Command): void {
  declared
    .requiredOption('--person <id>', 'who it is, as an identifier; it stands in the log for ever')
    .option('--use <use>', 'approver or author', 'approver')
    .option('--signing-key <file>', 'private key; made where there is none')
    .option('--jwk <file>', 'public key as JWK, where the person keeps the private one')
    .option('--root <file>', 'root key; default: the one in the data folder')
    .option('--genesis <hash>', 'hash of genesis; default: of the configured ledger')
    .requiredOption('--out <file>', 'where the certificate is written')
    .addHelpText(
      'after',
      '\nExample:\n  stele policy certify --person ann --signing-key ann.json --out ann.cert.json',
    )
    .action(async (flags: CertifyFlags, command: Command) => {
      const { output, configuration } = contextOf(command);
      const { person, use } = flags;
      if (use !== 'approver' && use !== 'author') throw usage('--use is approver or author');
      if (!Person.safeParse(person).success) {
        throw usage(
          `--person wants an identifier, as ann or hr/4711, not ${JSON.stringify(person)}`,
        );
      }
      const jwk = await publicKeyOf(flags);
      const root = jwsSigner(await loadKey(flags.root ?? homeOf(configuration).rootKey));
      const gen = flags.genesis ?? (await genesisHash(configuration));
      applySchema(Base64Url32, gen, '--genesis', 'genesis_malformed');
      await saveStatement(flags.out, await makeCertificate({ gen, use, jwk, person }, [root]));
      const { kid } = await loadPerson(flags.out);
      output.result({ person, use, kid, certificate: flags.out }, `${person}: ${use}, key ${kid}`);
    });
}

/** Reads a person's certificate. Nothing of it is verified here: the gateway and every verifier do. */
export async function loadPerson(path: string): Promise<PersonCertificate> {
  const found = await readJsonFile(path, 'a certificate');
  const [first] = Array.isArray(found) ? (found as readonly JsonValue[]) : [];
  if (typeof first !== 'string') {
    throw malformed(`${path} is not a certificate, as \`stele policy certify\` writes it`);
  }
  const statement = found as Statement;
  const value = parseJws(first, statementTypes.certificate).payload;
  const fields = applySchema(CertificateSchema, value, path, 'bad_certificate');
  if ('person' in fields) return { ...fields, statement };
  throw usage(`${path} is not the certificate of a person`);
}

/** Writes a JSON document for somebody else to read. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value)}\n`, { flush: true });
}

async function publicKeyOf({ signingKey: key, jwk }: CertifyFlags): Promise<PublicJwk> {
  if ((key === undefined) === (jwk === undefined)) throw usage('give --signing-key or --jwk');
  if (key !== undefined) return (await keyAt(key)).jwk;
  return parsePublicJwk(await readJsonFile(jwk ?? '', 'a public JWK'));
}

async function genesisHash(configuration: Configuration): Promise<string> {
  const store = await openStore(configuration);
  try {
    const genesis = await readGenesis(store, configuration.text('ledger'));
    if (genesis !== null) return genesis.gen;
    throw usage('there is no such ledger here: give --genesis');
  } finally {
    await store.close();
  }
}

/** An option that is given and cannot be meant. */
export function usage(message: string): SteleError {
  return new SteleError('option_invalid', message, { disposition: 'fix-configuration' });
}
