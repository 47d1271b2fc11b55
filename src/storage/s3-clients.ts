import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { StoreDeniedError } from './errors.ts';

/**
 * How to reach a bucket that was made with versioning and Object Lock, and without a default
 * retention.
 */
export interface S3Settings {
  readonly bucket: string;
  readonly region: string;
  /** For S3-compatible stores: `http://host:port` or `https://…`. Null: AWS. */
  readonly endpoint: string | null;
  /** Both null: what the SDK finds (environment, profile, role of the machine or pod). */
  readonly accessKeyId: string | null;
  readonly secretAccessKey: string | null;
  /**
   * Bucket in the path instead of the host name. Absent: where an endpoint is set, for most such
   * stores need it.
   */
  readonly forcePathStyle?: boolean;
  /**
   * Milliseconds to open a connection. Shorter: false alarms on a busy host. Longer: slow to see a
   * dead one.
   */
  readonly connectTimeoutMs?: number;
  /**
   * Milliseconds until an answer must have come. Shorter: slow commits count as unknown and are
   * sent again. Longer: a lost answer holds the log up for as long.
   */
  readonly requestTimeoutMs?: number;
  /** Sockets to the store for each of the two clients. */
  readonly connectionsMax?: number;
}

/** What holds where settings are silent. */
export const S3_DEFAULTS = Object.freeze({
  connectTimeoutMs: 1000,
  requestTimeoutMs: 5000,
  connectionsMax: 64,
});

/** Attempts of the bulk client at one read: two more than none, within a caller's patience. */
const BULK_ATTEMPTS = 3;

/** Two clients of one bucket, for two ways to treat a lost answer. */
export interface S3Clients {
  /**
   * For writes: one attempt, since only the commit protocol knows what an unknown outcome means.
   */
  readonly commit: S3Client;
  /** For reads and for what can be repeated: the SDK's retries. */
  readonly bulk: S3Client;
}

/**
 * Makes the clients with every option explicit: the SDK by itself sets no time-out, retries writes,
 * and chooses checksums that compatible stores do not know.
 *
 * @param onServerTime - Told the store's clock (epoch ms) with every answer, refusals included.
 * @throws {@link StoreDeniedError} for half a pair of credentials.
 */
export function makeS3Clients(
  settings: S3Settings,
  onServerTime: (epochMs: number) => void,
): S3Clients {
  // The SDK warns on every start under Node 20. This release runs there; the lock file decides when
  // that changes.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const make = (maxAttempts: number): S3Client => {
    const client = new S3Client(clientConfig(settings, maxAttempts));
    watchServerTime(client, onServerTime);
    return client;
  };
  return { commit: make(1), bulk: make(BULK_ATTEMPTS) };
}

function clientConfig(settings: S3Settings, maxAttempts: number): S3ClientConfig {
  const { connectTimeoutMs, requestTimeoutMs, connectionsMax } = { ...S3_DEFAULTS, ...settings };
  const agent = { keepAlive: true, maxSockets: connectionsMax };
  return {
    region: settings.region,
    ...(settings.endpoint === null ? {} : { endpoint: settings.endpoint }),
    ...credentialsOf(settings),
    forcePathStyle: settings.forcePathStyle ?? settings.endpoint !== null,
    maxAttempts,
    retryMode: 'standard',
    followRegionRedirects: false,
    // Writes carry an explicit SHA-256; readers hash what they get. Nothing else is to be added or
    // believed.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      // Without this the SDK only logs that the time is over.
      throwOnRequestTimeout: true,
      socketTimeout: requestTimeoutMs,
    },
  };
}

function credentialsOf({ accessKeyId, secretAccessKey }: S3Settings): S3ClientConfig {
  if (accessKeyId === null && secretAccessKey === null) return {};
  if (accessKeyId === null || secretAccessKey === null) {
    throw new StoreDeniedError('an access key id and its secret are given together or not at all');
  }
  return { credentials: { accessKeyId, secretAccessKey } };
}

/** Reads the Date header closest to the wire, so that refusals tell the time too. */
function watchServerTime(client: S3Client, onServerTime: (epochMs: number) => void): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers } = result.response as { headers?: Readonly<Record<string, string>> };
      const time = Date.parse(headers?.['date'] ?? '');
      if (!Number.isNaN(time)) onServerTime(time);
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'steleServerTime' },
  );
}
