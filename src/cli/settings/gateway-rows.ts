import { gatewayDefaults, gatewayRanges } from '../../gateway/context/settings.ts';
import { optionalText, whole, yesNo } from './spec.ts';
import type { SettingSpec } from './spec.ts';

const help: Readonly<Record<keyof typeof gatewayRanges, string>> = {
  connectionsMax:
    'Connections that may be open. Few: callers are refused a connection. Many: each costs memory and a descriptor.',
  eventBytesMax:
    'Largest event in bytes. Small: real events are refused. Large: one event holds a worker.',
  bodyBytesMax:
    'Largest body of many events in bytes, decompressed. Small: more requests. Large: more memory.',
  bodyMs:
    'Milliseconds in which a body must arrive. Short: bad networks are cut off. Long: slow senders hold connections and memory.',
  requestsMax:
    'Requests at work, from their complete body on; one more is refused with 503, and whoever has three times what is left. Few: bursts are refused. Many: each waits longer.',
  sealWaitMs: 'Milliseconds that `?ack=sealed` waits before it is answered as durable.',
  proofWaitMs: 'Longest `?wait=` of a proof, in milliseconds.',
  summaryMs:
    'Milliseconds between two summaries of what was counted instead of recorded. Long: a crash loses more counts.',
  denialsPerMinute:
    'Denials of one caller in a minute that are entries of their own; more are counted.',
  denialBytesPerMinute:
    'Bytes of such entries of one caller in a minute; what does not fit is counted. Many: whoever is refused fills locked storage.',
  entriesPerMinute:
    'Entries that the writes and recorded reads of one caller may make in a minute, strangers together a fortieth; beyond, 429. Few: senders of many events are slowed down. Many: one caller fills storage that nobody can empty.',
  entryBytesPerMinute:
    'Bytes of such entries in a minute: events after decompression, and 2,048 for each. Few: senders of large events are slowed down. Many: one caller fills locked storage.',
  drainMs: 'Milliseconds that requests in flight get at shutdown.',
  readinessDelayMs: 'Milliseconds between saying "not ready" and closing the door.',
};

type RangedSetting = keyof typeof gatewayRanges;

const names = Object.keys(gatewayRanges) as readonly RangedSetting[];
/** The gateway's settings as rows of the settings table. */
export const gatewayRows: readonly SettingSpec[] = [
  ...names.map((name) => {
    const [min, max] = gatewayRanges[name];
    return {
      key: `gateway.${name}`,
      ...whole(min, max),
      fallback: gatewayDefaults[name],
      help: help[name],
    };
  }),
  {
    key: 'gateway.trustedProxies',
    ...optionalText,
    fallback: null,
    help: 'Addresses or subnets, comma-separated, whose `X-Forwarded-For` is believed. One too many chooses the address that entries show.',
  },
  {
    key: 'gateway.metrics',
    ...yesNo,
    fallback: gatewayDefaults.metrics,
    help: 'Whether `/metrics` answers on this listener. Off where strangers reach it: it tells volumes.',
  },
  {
    key: 'gateway.requestLog',
    ...yesNo,
    fallback: gatewayDefaults.requestLog,
    help: 'Whether one line is logged for each request.',
  },
];
