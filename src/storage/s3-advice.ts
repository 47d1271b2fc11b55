/** What to do about answers of S3 that only whoever runs the gateway can mend, in words. */

const CREDENTIALS =
  'the store does not know these credentials: see store.accessKeyId and store.secretAccessKey, or what the SDK finds (environment, profile, role)';
const LOCK =
  'the bucket has no Object Lock: make one with it (`aws s3api create-bucket --object-lock-enabled-for-bucket`, which turns versioning on) and without a default retention, and name it in store.bucket';
const REGION = 'the bucket is in another region: see store.region';
const ADDRESS = 'nothing answers there: see store.endpoint';

/** By the code of the answer, or of the system where none came. */
const ADVICE: Readonly<Record<string, string>> = {
  NoSuchBucket:
    'the bucket is not there: make it, with Object Lock and without a default retention, or see store.bucket',
  InvalidAccessKeyId: CREDENTIALS,
  InvalidToken: CREDENTIALS,
  XAdminUserNotFound: CREDENTIALS,
  SignatureDoesNotMatch:
    'the secret key is not that of the access key: see store.secretAccessKey, or what the SDK finds',
  CredentialsProviderError:
    'no credentials were found: set store.accessKeyId and store.secretAccessKey, or what the SDK reads (environment, profile, role)',
  AccessDenied:
    'the credentials lack the right to do this: see the policies of their user or role and of the bucket',
  RequestTimeTooSkewed: 'the clock of this machine is not that of the store: set it',
  AuthorizationHeaderMalformed: REGION,
  PermanentRedirect: REGION,
  InvalidBucketState: LOCK,
  ObjectLockConfigurationNotFoundError: LOCK,
  ExistingObjectIsDirectory:
    'this store keeps keys as paths, and somebody has put objects below this one: delete them, and let nobody but the gateways put any',
  ObjectParentIsFile:
    'this store keeps keys as paths, and somebody has put an object where a folder has to be: delete it, and let nobody but the gateways put any',
  ECONNREFUSED: ADDRESS,
  ENOTFOUND: ADDRESS,
};

/**
 * What to do about a failure; empty where nothing is known that helps.
 * @param error - As it was thrown: one code stands for many things, of which only the text says which.
 */
export function s3Advice(code: string, error: unknown): string {
  const text = error instanceof Error ? error.message : '';
  if (code === 'InvalidRequest' && /object ?lock/i.test(text)) return LOCK;
  return Object.hasOwn(ADVICE, code) ? (ADVICE[code] ?? '') : '';
}
