import { z } from 'zod';
import { gatewayRows } from './gateway-rows.ts';
import { policyRows } from './policy-rows.ts';
import { oneOf, optionalText, text, whole, yesNo } from './spec.ts';
import type { SettingSpec } from './spec.ts';

/**
 * Every setting there is. Flags go over the environment, the environment over one YAML file, the file over these
 * defaults; a key that is not in this table is an error. The reference page is generated from it.
 */
export const settingsTable: readonly SettingSpec[] = [
  {
    key: 'ledger',
    schema: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
    want: 'lower-case letters, digits and hyphens, at most 63',
    fallback: 'demo',
    help: 'Name of the ledger: the first part of its object keys and of its URLs.',
  },
  {
    key: 'origin',
    ...optionalText,
    fallback: null,
    help: 'Identity of the log, a URL without its scheme; fixed by `stele init` for ever. None: `stele.invalid/log/<ledger>`.',
  },
  {
    key: 'data',
    ...text,
    fallback: '.stele',
    help: 'Folder for what is this gateway’s own: journal, keys, signer guard. Losing it makes a new writer; it must be a disk that honours fdatasync.',
  },
  {
    key: 'store.kind',
    ...oneOf(['file', 's3', 'memory']),
    fallback: 'file',
    help: 'Where the ledger lives. `file` is tamper-evident, `s3` with Object Lock is WORM, `memory` forgets at exit.',
  },
  {
    key: 'store.path',
    ...optionalText,
    fallback: null,
    help: 'Folder of the file store. None: `<data>/<ledger>/store`.',
  },
  {
    key: 'store.readers',
    ...oneOf(['owner', 'group', 'everyone']),
    fallback: 'owner',
    help: 'Who may read the static view (`checkpoint`, `tile/`) in the folder of the file store: its owner, the group of the folder, or everyone on the machine. Records and batches are the owner’s alone.',
  },
  {
    key: 'store.bucket',
    ...optionalText,
    fallback: null,
    help: 'S3 bucket, made with Object Lock and without a default retention.',
  },
  { key: 'store.region', ...text, fallback: 'us-east-1', help: 'S3 region.' },
  {
    key: 'store.endpoint',
    ...optionalText,
    fallback: null,
    help: 'URL of an S3-compatible server. None: AWS.',
  },
  {
    key: 'store.accessKeyId',
    ...optionalText,
    fallback: null,
    help: 'S3 access key. None: the SDK’s own chain of credentials.',
    secret: true,
  },
  {
    key: 'store.secretAccessKey',
    ...optionalText,
    fallback: null,
    help: 'S3 secret key.',
    secret: true,
  },
  {
    key: 'listen.host',
    ...text,
    fallback: '127.0.0.1',
    help: 'Address to listen on. Anything but loopback is reachable by others: put TLS in front.',
  },
  {
    key: 'listen.port',
    ...whole(0, 65_535),
    fallback: 8420,
    help: 'Port to listen on; 0 takes a free one.',
  },
  ...policyRows,
  {
    key: 'callers.apiKeys',
    ...optionalText,
    fallback: null,
    help: 'YAML file of hashed API keys. None: `<data>/<ledger>/api-keys.yaml` when it exists.',
  },
  {
    key: 'callers.issuer',
    ...optionalText,
    fallback: null,
    help: 'Issuer that JWTs must name.',
  },
  {
    key: 'callers.audience',
    ...optionalText,
    fallback: null,
    help: 'Audience that JWTs must name.',
  },
  {
    key: 'callers.jwks',
    ...optionalText,
    fallback: null,
    help: 'File or URL of the JWKS that signs JWTs.',
  },
  {
    key: 'callers.anonymous',
    ...yesNo,
    fallback: false,
    help: 'Whether a request without credentials reaches the policy as an anonymous subject. The default policy gives it the log’s public face only.',
  },
  {
    key: 'sealing.intervalMs',
    ...whole(1, 10_000),
    fallback: 200,
    help: 'Milliseconds between two batches while nobody waits for a seal. Short: more store requests. Long: entries are in the journal only for longer.',
  },
  {
    key: 'sealing.hurryMs',
    ...whole(1, 10_000),
    fallback: 15,
    help: 'Least milliseconds between two batches while somebody waits for a seal, as with `ack=sealed`.',
  },
  {
    key: 'sealing.publishMs',
    ...whole(100, 600_000),
    fallback: 10_000,
    help: 'Milliseconds between two publications of the static view.',
  },
  {
    key: 'sealing.followMs',
    ...whole(100, 600_000),
    fallback: 1000,
    help: 'Milliseconds between two looks for batches of other writers.',
  },
  {
    key: 'journal.maxBytes',
    ...whole(1 << 20, 1 << 40),
    fallback: 1 << 28,
    help: 'Bytes of entries that may wait for the store, in the journal and in memory, before writes are refused with 503.',
  },
  {
    key: 'journal.maxAgeMs',
    ...whole(1000, 86_400_000),
    fallback: 900_000,
    help: 'Age in milliseconds of the oldest unsealed entry after which writes are refused with 503.',
  },
  {
    key: 'log.level',
    ...oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'silent']),
    fallback: 'info',
    help: 'Least severe log line that is written.',
  },
  ...gatewayRows,
];

/** `store.accessKeyId` as an environment variable: `STELE_STORE__ACCESS_KEY_ID`. */
export function environmentName(key: string): string {
  const words = key.split('.').map((part) => part.replace(/[A-Z]/g, (letter) => `_${letter}`));
  return `STELE_${words.join('__').toUpperCase()}`;
}
