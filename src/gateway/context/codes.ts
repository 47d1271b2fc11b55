import type { Durability } from '../../core/errors.ts';

/** What a problem code means to a client. */
export interface CodeFacts {
  /** HTTP status. */
  readonly status: number;
  /** What happened, the same for every occurrence (RFC 9457 §3.1.3). */
  readonly title: string;
  /** What the caller, or whoever runs the gateway, can do about it. */
  readonly action: string;
  /** On writes: what became of the event, unless the occurrence says otherwise. */
  readonly durability: Durability;
  /** Whether the same request may succeed later: answered with `Retry-After`. */
  readonly retry: boolean;
}

type Row = readonly [status: number, title: string, action: string];

function rows<const R extends Record<string, Row>>(
  table: R,
  durability: Durability,
  retry: boolean,
): Record<keyof R, CodeFacts> {
  const facts = Object.entries(table).map(([code, [status, title, action]]) => [
    code,
    { status, title, action, durability, retry },
  ]);
  return Object.fromEntries(facts) as Record<keyof R, CodeFacts>;
}

// prettier-ignore
const fixInput = rows({
  // The request as such
  bad_path:                  [400, 'The path is not well-formed', 'Percent-encode the path; an id is a lower-case UUIDv7 or a leaf index.'],
  bad_parameter:             [400, 'A query parameter is not what it should be', 'See the parameter in /openapi.json; each may be given once.'],
  ack_unsupported:           [400, 'That acknowledgement is not available here', 'Ask for ack=durable or ack=sealed; this gateway has no witnesses.'],
  header_duplicate:          [400, 'A header that may stand once stands twice', 'Send it once.'],
  idempotency_key_malformed: [400, 'The Idempotency-Key is not well-formed', 'Use 1 to 255 visible ASCII characters, for instance a UUID.'],
  body_missing:              [400, 'There is no body', 'Send the event as the body.'],
  body_incomplete:           [400, 'The body ended early', 'Send as many bytes as Content-Length says.'],
  gzip_malformed:            [400, 'The body is not valid gzip', 'Compress it again, or send it plain.'],
  invalid_utf8:              [400, 'The body is not UTF-8', 'Encode it as UTF-8.'],
  request_malformed:         [400, 'The request is not HTTP/1.1', 'Check the client and the proxies before the gateway.'],
  headers_too_large:         [431, 'The headers are too large', 'Send fewer or shorter headers.'],
  too_many_headers:          [431, 'There are too many headers', 'Send fewer headers.'],
  transfer_coding_unsupported: [501, 'The transfer coding is not known', 'Use Transfer-Encoding: chunked or Content-Length; compress with Content-Encoding: gzip.'],
  url_too_long:              [414, 'The URL is too long', 'Shorten the query.'],
  route_unknown:             [404, 'There is nothing at this path', 'See /openapi.json.'],
  method_not_allowed:        [405, 'The path does not take this method', 'Use one of the methods in Allow.'],
  not_acceptable:            [406, 'No form of the answer is acceptable to you', 'Widen Accept; the forms are in /openapi.json.'],
  body_too_slow:             [408, 'The body did not arrive in time', 'Send it faster, or in smaller parts.'],
  body_too_large:            [413, 'The body is too large', 'Split it; of a single event keep large things elsewhere and record their digest.'],
  gzip_ratio:                [413, 'The body unpacks to too much', 'Split it, or send it plain.'],
  event_too_large:           [413, 'The event is too large', 'Keep large things elsewhere and record their digest.'],
  entry_too_large:           [413, 'The entry made of the event is too large', 'Give it fewer labels or a shorter identity.'],
  too_many_events:           [413, 'The body holds too many events', 'Split it.'],
  media_type_unsupported:    [415, 'The media type is not taken here', 'Use application/json, application/x-ndjson, application/cloudevents+json or application/cloudevents-batch+json.'],
  charset_unsupported:       [415, 'The character set is not taken', 'Use UTF-8 and say so, or say nothing.'],
  content_encoding_unsupported: [415, 'The content encoding is not taken', 'Use gzip or none.'],
  expectation_failed:        [417, 'The expectation cannot be met', 'Expect 100-continue or nothing.'],
  purpose_malformed:         [400, 'Stele-Purpose is not well-formed', 'Use 1 to 200 visible ASCII characters and spaces, once.'],
  cursor_invalid:            [400, 'The cursor is not one of this search', 'Send `next` of the page before, with the same ledger and the same query; else begin without after.'],
  // Strict JSON
  malformed_input:           [400, 'The input is not well-formed', 'See detail and pointer.'],
  not_json:                  [400, 'The event is not JSON', 'Send one JSON value as RFC 8259 has it.'],
  not_object:                [400, 'The event is not a JSON object', 'Send an object.'],
  duplicate_key:             [400, 'An object has one name twice', 'Remove one of them: signed text must have one reading.'],
  reserved_member:           [400, 'A member has a reserved name', 'Rename it: _sd, ... and __proto__ anywhere, _sd_alg at the top.'],
  unsafe_number:             [400, 'A number cannot be kept exactly', 'Send it as a string.'],
  lone_surrogate:            [400, 'A string has half of a surrogate pair', 'Send well-formed Unicode.'],
  too_deep:                  [400, 'The event is nested too deeply', 'Flatten it.'],
  too_many_members:          [400, 'The event has too many members', 'Make it smaller.'],
  too_large:                 [413, 'The event or a string in it is too large', 'Keep large things elsewhere and record their digest.'],
  cloudevent_invalid:        [400, 'The CloudEvent is not valid', 'See detail; CloudEvents 1.0 requires specversion, id, source and type, and a time as RFC 3339 has it.'],
  // Callers
  credentials_missing:       [401, 'This needs credentials', 'Send Authorization: Bearer with a JWT or an API key.'],
  credentials_malformed:     [401, 'The credentials are not well-formed', 'Send Authorization: Bearer and one token.'],
  token_invalid:             [401, 'The token is not valid', 'Get one from the configured issuer for the configured audience.'],
  token_expired:             [401, 'The token has expired', 'Get a new one.'],
  api_key_unknown:           [401, 'The API key is not known', 'Check the key; ask whoever runs the gateway for one.'],
  // Decisions
  denied:                    [403, 'The policy denies this', 'See reasons; the denial is an entry of the ledger, with what was sent less what the policy masks.'],
  policy_error:              [403, 'The policy failed, which denies', 'Tell whoever runs the gateway: the policy has a fault.'],
  policy_undefined:          [403, 'The policy has no answer, which denies', 'Tell whoever runs the gateway: the policy has a gap.'],
  policy_bad_output:         [403, 'The policy gave an answer of the wrong shape, which denies', 'Tell whoever runs the gateway: the policy has a fault.'],
  mask_unstable:             [403, 'The decision changes once the mask is applied, which denies', 'Tell whoever runs the gateway: the policy must not decide by what it masks.'],
  class_unknown:             [403, 'The policy names a retention class that the ledger has not', 'Tell whoever runs the gateway.'],
  erasure_unavailable:       [403, 'The policy asks for erasable fields, which this ledger cannot give', 'Tell whoever runs the gateway.'],
  hold_unavailable:          [403, 'The policy asks for a hold, which this ledger cannot give', 'Tell whoever runs the gateway.'],
  purpose_missing:           [403, 'The policy wants to know what you read for', 'Say so in Stele-Purpose; see reasons for which purposes will do.'],
  // What is asked for
  ledger_unknown:            [404, 'There is no such ledger here', 'Check the name.'],
  entry_unknown:             [404, 'There is no such entry', 'Check the id or index; another gateway may have it before it is sealed.'],
  log_resource_unknown:      [404, 'There is no such tile, bundle or checkpoint', 'Ask for what the newest checkpoint covers.'],
  range_invalid:             [400, 'The range is not within the tree', 'Use 0 <= from <= to <= size of the newest checkpoint.'],
  // Keys
  statement_malformed:       [400, 'The statement about a key is not well-formed', 'Send {"statement": […]} as stele key writes it.'],
  statement_refused:         [403, 'The root keys of this ledger have not said so', 'Make it again with stele key; see detail.'],
  key_settled:               [409, 'The key has ended already', 'There is nothing to do.'],
  key_in_use:                [409, 'This gateway signs with that key', 'Give it another one first, or send the statement to another gateway.'],
  // Changes of policy
  shadow_malformed:          [400, 'The request about a candidate in the shadow is not well-formed', 'See Shadow in /openapi.json, detail and pointer.'],
  shadow_unavailable:        [403, 'No candidate can decide in the shadow here', 'Ask whoever runs the gateway.'],
  evaluation_malformed:      [400, 'The trial of a policy is not well-formed', 'See Evaluation in /openapi.json, detail and pointer.'],
  activation_malformed:      [400, 'The request to change the policy is not well-formed', 'See Activation in /openapi.json, detail and pointer.'],
  approval_malformed:        [400, 'An approval is not well-formed', 'Make it again with stele policy approve.'],
  reason_missing:            [400, 'Breaking the glass needs a reason', 'Send one; it stands in the log for ever.'],
  change_mismatch:           [422, 'The change is not of the kind that it says', 'What was in charge before comes back as a rollback, and nothing else does.'],
  approver_unknown:          [403, 'A key is not certified to approve here', 'Send its certificate by the root keys of this ledger, for the person that the approval names.'],
  approver_withdrawn:        [403, 'The root has withdrawn the key of an approver or author', 'Have it approved by others.'],
  approval_signature:        [403, 'The signature of an approval does not verify', 'Make it again with stele policy approve.'],
  approval_other:            [403, 'An approval is of something else', 'Approvals name ledger, policy, bundle, the policy before and the kind of change: see detail.'],
  report_other:              [403, 'An approval names a report that is not of this change', 'Name the entry of a replay of the same bundle, made with stele policy replay --record.'],
  approval_expired:          [403, 'An approval has expired', 'Have it approved again.'],
  approval_too_long:         [403, 'An approval is good for too long', 'Have it approved for at most 31 days.'],
  approval_used:             [403, 'An approval was used before', 'Each is good once: have it approved again.'],
  approval_own:              [403, 'The author of a bundle cannot approve it', 'Have it approved by somebody else.'],
  approval_duplicate:        [403, 'A person approves twice', 'Have it approved by somebody else, too.'],
  author_unknown:            [403, 'Nobody vouches for the key that signed the bundle', 'Send its certificate as an author’s.'],
  approvals_missing:         [403, 'The change needs more approvals', 'See reasons for how many the policy in charge asks for.'],
  activation_unavailable:    [403, 'The policy cannot be changed here', 'Ask whoever runs the gateway.'],
  policy_unknown:            [404, 'There is no such policy in the archive', 'Check its identity; to put it in charge send its bundle.'],
  policy_active_already:     [409, 'The policy is in charge already', 'There is nothing to do.'],
  policy_archive_altered:    [503, 'The archive holds something else than the policy', 'Tell whoever runs the gateway: it needs a person.'],
  policy_archived_otherwise: [409, 'The archive has this policy in another bundle', 'Signature and golden cases are of the bundle and not of the policy: have the bundle approved that detail names, and send that one or none.'],
  activation_lost:           [409, 'Another change of policy came first', 'See what is in charge now, and have the change approved again.'],
  bundle_refused:            [422, 'The bundle may not decide', 'See detail; the policy before stays in charge.'],
  policy_without_admin:      [422, 'The bundle has no entrypoint stele/admin, so nothing could follow on it', 'Add one.'],
  idempotency_conflict:      [422, 'The Idempotency-Key, or the source and id of the CloudEvent, named another event before', 'Give a new event a new key, or a new id.'],
}, 'not-durable', false);

// prettier-ignore
const tryAgain = rows({
  entry_not_sealed:          [409, 'The entry is durable and not yet sealed', 'Try again, or ask with wait.'],
  tree_unknown:              [409, 'This gateway has not learnt that much of the log yet', 'Try again in a moment.'],
  access_not_sealed:         [503, 'The policy wants the access sealed first, and it is not yet', 'Try again; see /readyz?verbose when it stays.'],
  activation_in_progress:    [409, 'Another change of policy is under way here', 'Try again in a moment.'],
  policy_superseded:         [503, 'Another policy was put in charge meanwhile', 'Try again.'],
  budget_spent:              [429, 'The caller has made all the entries that it may make in a minute', 'Try again after Retry-After, and more slowly; whoever runs the gateway sets how many.'],
  overloaded:                [503, 'The gateway has no room', 'Try again; the event was not taken.'],
  closing:                   [503, 'The gateway is shutting down', 'Try again; another instance or the next start will answer.'],
  backlog_full:              [503, 'The journal holds all that it may', 'Try again when the store takes entries; see /readyz?verbose.'],
  starting:                  [503, 'The log is being learnt; this process takes writes once its boot entry is sealed', 'Try again; see /readyz?verbose.'],
  store_unreachable:         [503, 'The store has not answered since the start', 'Try again; see /readyz?verbose.'],
  clock_skew:                [503, 'The clocks of gateway and store are too far apart', 'Try again; tell whoever runs the gateway: lock dates would be wrong.'],
  decision_stale:            [503, 'The decision took too long to be recorded', 'Try again.'],
  policy_timeout:            [503, 'The policy took too long, which denies', 'Try again; tell whoever runs the gateway when it stays.'],
  engine_unavailable:        [503, 'No policy can be evaluated, which denies', 'Try again; see /readyz?verbose.'],
  engine_overloaded:         [503, 'Too many decisions wait, which denies', 'Try again, more slowly.'],
  caller_keys_unavailable:   [503, 'The keys that check tokens cannot be had', 'Try again; tell whoever runs the gateway when it stays.'],
}, 'not-durable', true);

// prettier-ignore
const unsure = rows({
  idempotency_in_flight:     [409, 'A request with this identity is being answered', 'Try again in a moment, with the same Idempotency-Key.'],
  store_unavailable:         [503, 'The store does not answer', 'Try again.'],
  view_incomplete:           [503, 'The entry or proof cannot be read: the store has lost or changed it', 'Tell whoever runs the gateway: `stele fsck --rebuild` makes the static view again. Then try again.'],
}, 'unknown', true);

// prettier-ignore
const ours = rows({
  internal:                  [500, 'Something went wrong here', 'Tell whoever runs the gateway the request id.'],
  ledger_halted:             [503, 'The ledger has stopped', 'Tell whoever runs the gateway: it needs a person.'],
}, 'unknown', false);

/** Every code that an answer can carry: the one list. `docs/reference/problems.md` is made of it. */
export const codes = Object.freeze({ ...fixInput, ...tryAgain, ...unsure, ...ours });

/** A code of the catalogue. */
export type ProblemCode = keyof typeof codes;

/** Whether the catalogue has a code. */
export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(codes, code);
}
