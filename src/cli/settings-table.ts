import { z } from 'zod';
import { gatewayRows } from './gateway-rows.ts';
import type { SettingSpec } from './setting-spec.ts';

const text = z.string().min(1);
const optionalText = z.string().min(1).nullable();
const whole = (min: number, max: number): z.ZodType => z.coerce.number().int().min(min).max(max);
const yesNo = z.union([
  z.boolean(),
  z.enum(['true', 'false']).transform((word) => word === 'true'),
]);

/**
 * Every setting there is. Flags go over the environment, the environment over one YAML file, the file over these
 * defaults; a key that is not in this table is an error. The reference page is generated from it.
 */
export const settingsTable: readonly SettingSpec[] = [
  {
    key: 'ledger',
    schema: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
    fallback: 'demo',
    help: 'Name of the ledger: the first part of its object keys and of its URLs.',
  },
  {
    key: 'origin',
    schema: optionalText,
    fallback: null,
    help: 'Identity of the log, a URL without its scheme; fixed by `stele init` for ever. None: `stele.invalid/log/<ledger>`.',
  },
  {
    key: 'data',
    schema: text,
    fallback: '.stele',
    help: 'Folder for what is this gateway’s own: journal, keys, signer guard. Losing it makes a new writer; it must be a disk that honours fdatasync.',
  },
  {
    key: 'store.kind',
    schema: z.enum(['file', 's3', 'memory']),
    fallback: 'file',
    help: 'Where the ledger lives. `file` is tamper-evident, `s3` with Object Lock is WORM, `memory` forgets at exit.',
  },
  {
    key: 'store.path',
    schema: optionalText,
    fallback: null,
    help: 'Folder of the file store. None: `<data>/<ledger>/store`.',
  },
  {
    key: 'store.readers',
    schema: z.enum(['owner', 'group', 'everyone']),
    fallback: 'owner',
    help: 'Who may read the static view (`checkpoint`, `tile/`) in the folder of the file store: its owner, the group of the folder, or everyone on the machine. Records and batches are the owner’s alone.',
  },
  {
    key: 'store.bucket',
    schema: optionalText,
    fallback: null,
    help: 'S3 bucket, made with Object Lock and without a default retention.',
  },
  { key: 'store.region', schema: text, fallback: 'us-east-1', help: 'S3 region.' },
  {
    key: 'store.endpoint',
    schema: optionalText,
    fallback: null,
    help: 'URL of an S3-compatible server. None: AWS.',
  },
  {
    key: 'store.accessKeyId',
    schema: optionalText,
    fallback: null,
    help: 'S3 access key. None: the SDK’s own chain of credentials.',
    secret: true,
  },
  {
    key: 'store.secretAccessKey',
    schema: optionalText,
    fallback: null,
    help: 'S3 secret key.',
    secret: true,
  },
  {
    key: 'listen.host',
    schema: text,
    fallback: '127.0.0.1',
    help: 'Address to listen on. Anything but loopback is reachable by others: put TLS in front.',
  },
  {
    key: 'listen.port',
    schema: whole(0, 65_535),
    fallback: 8420,
    help: 'Port to listen on; 0 takes a free one.',
  },
  {
    key: 'policy.bundle',
    schema: optionalText,
    fallback: null,
    help: 'Folder of the compiled policy bundle. None: the default policy that comes with Stele.',
  },
  {
    key: 'policy.workers',
    schema: whole(1, 16),
    fallback: 1,
    help: 'Worker threads that evaluate. More than the cores left over by HTTP only queue.',
  },
  {
    key: 'policy.deadlineMs',
    schema: whole(5, 1000),
    fallback: 250,
    help: 'Milliseconds a decision may take before it is a denial. Short: busy machines deny. Long: a runaway policy holds a worker.',
  },
  {
    key: 'callers.apiKeys',
    schema: optionalText,
    fallback: null,
    help: 'YAML file of hashed API keys. None: `<data>/<ledger>/api-keys.yaml` when it exists.',
  },
  {
    key: 'callers.issuer',
    schema: optionalText,
    fallback: null,
    help: 'Issuer that JWTs must name.',
  },
  {
    key: 'callers.audience',
    schema: optionalText,
    fallback: null,
    help: 'Audience that JWTs must name.',
  },
  {
    key: 'callers.jwks',
    schema: optionalText,
    fallback: null,
    help: 'File or URL of the JWKS that signs JWTs.',
  },
  {
    key: 'callers.anonymous',
    schema: yesNo,
    fallback: false,
    help: 'Whether a request without credentials reaches the policy as an anonymous subject. The default policy gives it the log’s public face only.',
  },
  {
    key: 'sealing.intervalMs',
    schema: whole(1, 10_000),
    fallback: 15,
    help: 'Least milliseconds between two batches. Short: more store requests. Long: entries wait for their seal.',
  },
  {
    key: 'sealing.publishMs',
    schema: whole(100, 600_000),
    fallback: 10_000,
    help: 'Milliseconds between two publications of the static view.',
  },
  {
    key: 'sealing.followMs',
    schema: whole(100, 600_000),
    fallback: 1000,
    help: 'Milliseconds between two looks for batches of other writers.',
  },
  {
    key: 'journal.maxBytes',
    schema: whole(1 << 20, 1 << 40),
    fallback: 1 << 28,
    help: 'Bytes of entries that may wait for the store, in the journal and in memory, before writes are refused with 503.',
  },
  {
    key: 'journal.maxAgeMs',
    schema: whole(1000, 86_400_000),
    fallback: 900_000,
    help: 'Age in milliseconds of the oldest unsealed entry after which writes are refused with 503.',
  },
  {
    key: 'log.level',
    schema: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']),
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
