import { optionalText, whole, yesNo } from './spec.ts';
import type { SettingSpec, SettingType } from './spec.ts';
import { z } from 'zod';

/** Unlike other texts, it may be empty: then a signature must name no scope. */
const scope: SettingType = {
  schema: z.string().max(256),
  want: 'a text of at most 256 characters',
};

/** What decides, where it comes from and who may have signed it, as rows of the settings table. */
export const policyRows: readonly SettingSpec[] = [
  {
    key: 'policy.bundle',
    ...optionalText,
    fallback: null,
    help: 'Where policy bundles come from: a folder with a `bundle.tar.gz` or such a file (watched), an `https://` URL of OPA’s bundle API (polled with ETag), or `s3://bucket/prefix` (the last `*.tar.gz` by name, or the one that is named whole). None: the default policy that comes with Stele.',
  },
  {
    key: 'policy.keys',
    ...optionalText,
    fallback: null,
    help: 'Files of public keys, comma-separated, one of which must have signed a bundle: PEM (keys or certificates), JWK or JWK Set; Ed25519, P-256 or RSA.',
  },
  {
    key: 'policy.scope',
    ...scope,
    fallback: '',
    help: 'Scope that a bundle’s signature must name, exactly. Empty: it must name none.',
  },
  {
    key: 'policy.unsigned',
    ...yesNo,
    fallback: false,
    help: 'Whether a bundle without a signature is taken, from the source and to be activated. A signature that is there is verified all the same. For development: whoever can write to the source then proposes policies, and an author who does not sign can approve what he wrote, if the policy in charge lets him.',
  },
  {
    key: 'policy.pollMinMs',
    ...whole(100, 86_400_000),
    fallback: 60_000,
    help: 'Least milliseconds between two looks at the source. Short: more requests. Long: a new bundle is seen later.',
  },
  {
    key: 'policy.pollMaxMs',
    ...whole(100, 86_400_000),
    fallback: 120_000,
    help: 'Most milliseconds between two looks, also after failures; each gap is drawn between the two.',
  },
  {
    key: 'policy.longPollSeconds',
    ...whole(0, 3600),
    fallback: 0,
    help: 'Seconds that an HTTP source is asked to wait for a new bundle before it answers. 0: it is polled. Proxies that cut idle connections sooner make every look a failure.',
  },
  {
    key: 'policy.downloadMs',
    ...whole(100, 600_000),
    fallback: 30_000,
    help: 'Milliseconds for one look with its download, beside the time that the source was asked to wait.',
  },
  {
    key: 'policy.bundleBytes',
    ...whole(1024, 1 << 26),
    fallback: 1 << 24,
    help: 'Largest bundle file in bytes; more is not downloaded. Unpacked it may have 64 MiB.',
  },
  {
    key: 'policy.tokenFile',
    ...optionalText,
    fallback: null,
    help: 'File with the bearer token for an HTTP source; read for each request. Sent over TLS or to this machine only.',
  },
  {
    key: 'policy.ca',
    ...optionalText,
    fallback: null,
    help: 'PEM file of the authorities that may vouch for an HTTP source. None: those of Node.',
  },
  {
    key: 'policy.clientCert',
    ...optionalText,
    fallback: null,
    help: 'PEM file of the certificate that an HTTP source is shown (mutual TLS).',
  },
  {
    key: 'policy.clientKey',
    ...optionalText,
    fallback: null,
    help: 'PEM file of that certificate’s private key, readable by its owner only.',
  },
  {
    key: 'policy.workers',
    ...whole(1, 16),
    fallback: 1,
    help: 'Worker threads that evaluate. More than the cores left over by HTTP only queue.',
  },
  {
    key: 'policy.shadowQueue',
    ...whole(1, 65_536),
    fallback: 1024,
    help: 'Decisions that may wait for a candidate in the shadow. More are dropped, and counted; none ever waits for it.',
  },
  {
    key: 'policy.shadowSamples',
    ...whole(1, 1000),
    fallback: 100,
    help: 'Newest decisions that a candidate in the shadow would make otherwise, of which id and places are kept in memory.',
  },
  {
    key: 'policy.alerts',
    ...yesNo,
    fallback: false,
    help: 'Whether `stele/alert` is asked of every sealed entry, where the policy in charge has it, and what it says is sealed as `alert` entries. Costs reading each entry back and evaluating it once more, on a thread of its own at lower priority.',
  },
  {
    key: 'policy.deadlineMs',
    ...whole(5, 1000),
    fallback: 250,
    help: 'Milliseconds a decision may take before it is a denial. Short: busy machines deny. Long: a runaway policy holds a worker.',
  },
];
