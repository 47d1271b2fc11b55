/** Bounds on what comes from outside. Each says its unit and why it is this number; what operators may want to change is in `settings.ts`. */

/** Characters of an `Idempotency-Key`: what the APIs that made the header known allow. */
export const IDEMPOTENCY_KEY_CHARACTERS_MAX = 255;

/** Lines of one NDJSON body, blank ones too: an answer line is about 2 KB, so the answer to a full one is 20 MB, streamed. */
export const NDJSON_LINES_MAX = 10_000;

/** Bytes of a statement about a key: what fits into an entry. */
export const KEY_STATEMENT_BYTES_MAX = 65_536;

/** Events of one CloudEvents batch: its answer is one JSON array in memory. */
export const CLOUDEVENTS_BATCH_MAX = 1_000;

/**
 * Bytes of one CloudEvents batch, after decompression: it is parsed whole on the thread that answers everybody, and a
 * full one takes up to 100 ms. NDJSON takes what `bodyBytesMax` says, for its events are parsed by the policy workers.
 */
export const CLOUDEVENTS_BATCH_BYTES_MAX = 2_097_152;

/** Members and elements of one CloudEvents batch: a hundred for each event of a full one. Each costs about 0.3 us. */
export const CLOUDEVENTS_BATCH_MEMBERS_MAX = 100_000;

/**
 * Events of one body of a stranger: nobody vouches for it, and each costs a decision. Enough for a page that reports a
 * few things at once.
 */
export const STRANGER_EVENTS_MAX = 10;

/**
 * Bytes of a stranger's request to change, try or shadow the policy: no policy lets a stranger do it, and a large body is
 * parsed whole, decoded and hashed on the thread that answers everybody. Enough for approvals of an archived bundle.
 */
export const STRANGER_CHANGE_BYTES_MAX = 65_536;

/** Trials of a policy at once: each takes a thread for some tens of milliseconds, from the decisions that count. */
export const TRIALS_MAX = 2;

/** Trials that wait for their turn: some hundred milliseconds at the most. */
export const TRIALS_WAITING_MAX = 4;

/** About what an entry takes of locked storage besides its event: its leaf, and the frame of its record. */
export const ENTRY_BYTES = 2_048;

/** Of the budget of entries that one caller has in a minute, the part that all strangers together have. */
export const STRANGERS_BUDGET = 1 / 40;

/** Events of one body that are decided together: enough to fill a worker message, few enough to answer while the rest is decided. */
export const EVENTS_AT_ONCE = 250;

/** What the answer to a repeated write weighs in turns: its leaf is read and proven. */
export const REPLAY_WEIGHT = 8_192;

/**
 * Times by which gzip may make a body larger. JSON logs reach about 10, repetitive ones 40; a bomb 1,000. Bodies that
 * unpack to less than {@link GZIP_FREE_BYTES} are let through whatever their ratio.
 */
export const GZIP_RATIO_MAX = 100;

/** Bytes that a gzip body may always unpack to: a small, very regular body is no bomb. */
export const GZIP_FREE_BYTES = 65_536;

/**
 * Bytes of bodies that all requests in flight may hold together, after decompression: sixteen full ones. A body is in
 * memory about four times over while it is decided (bytes, text, lines, the workers' copies), so this is about 1 GiB.
 * Strangers get a quarter of it at most, which is the largest body that can be set: what they send must be read, for
 * their denial is an entry.
 */
export const BODY_BYTES_IN_FLIGHT_MAX = 268_435_456;

/** Bytes up to which a body is small: nearly all that are one event. */
export const SMALL_BODY_BYTES = 65_536;

/** The same for small bodies, apart from {@link BODY_BYTES_IN_FLIGHT_MAX}: 8,000 events of 2 KB, and of few callers no fewer. */
export const SMALL_BODIES_BYTES_IN_FLIGHT_MAX = 16_777_216;

/** Searches for an entry that one caller may have in flight: as many as a busy reader has connections. */
export const FINDS_PER_CALLER_MAX = 64;

/** The same for all callers without credentials together: each search may read the store before anything is decided. */
export const FINDS_OF_STRANGERS_MAX = 8;

/** Bytes of request line and headers together: Node's own default, set so that it stays. */
export const HEADER_BYTES_MAX = 16_384;

/**
 * Headers of one request; far above what proxies add. With more it is refused: one that is dropped would be missing
 * from what is decided and recorded.
 */
export const HEADERS_MAX = 100;

/** Milliseconds that an idle connection is kept: above the 60 s at which common load balancers close their side. */
export const KEEP_ALIVE_MS = 65_000;

/** Milliseconds for the header section: a client that takes longer holds a connection for nothing. */
export const HEADERS_MS = 10_000;

/** Milliseconds between two looks for connections past a deadline: the deadlines are that much later at worst. */
export const CONNECTION_CHECK_MS = 2_000;

/**
 * Milliseconds without a byte in either direction after which a connection is closed: above the longest wait for a seal
 * or a proof, so that only a client that does not read its answer meets it.
 */
export const CONNECTION_IDLE_MS = 90_000;

/** Characters of an `X-Request-Id` that is taken over from the caller. */
export const REQUEST_ID_CHARACTERS_MAX = 128;

/** Characters of a path or a query: no route of ours needs a tenth. */
export const URL_CHARACTERS_MAX = 4_096;

/** Seconds after which a caller may try again what was refused for want of room. */
export const RETRY_AFTER_SECONDS = 1;

/** Verified media type headers that are remembered: clients send a handful. */
export const MEDIA_TYPES_REMEMBERED = 256;

/** Milliseconds between two warnings of one kind: metrics count all of them. */
export const WARNING_EVERY_MS = 10_000;

/** Entries of a page that says no `limit`: a screen or two. */
export const PAGE_ENTRIES_DEFAULT = 50;

/** Entries of a page: a CloudTrail event takes some 14 KB of its answer, with what proves it. */
export const PAGE_ENTRIES_MAX = 250;

/** Leaves that one page looks at before it is answered as far as it is: about a second and a half of reading and deciding. */
export const PAGE_SCANNED_MAX = 2_048;

/**
 * Leaves that are read and decided together: the jobs of one message to a policy worker, so a page of so many is one hop,
 * and what others ask in the meantime waits for no more than that.
 */
export const PAGE_HOP_ENTRIES = 64;

/** Fewest leaves of a hop, where a short page wants less: entries that a reader may not see do not fill it. */
export const PAGE_HOP_ENTRIES_MIN = 16;

/** Characters of entries of a hop, as far as those before it tell: a fifth of a second of opening them. */
export const PAGE_HOP_CHARACTERS = 1_048_576;

/** Milliseconds after which a page reads no further: its decision must not be stale when it is recorded. */
export const PAGE_MS = 2_000;

/** Bytes of what is shown after which a page takes no further entry: its answer is made in memory. */
export const PAGE_BYTES_MAX = 4_194_304;

/** Characters of the list of what was disclosed, in the entry of a page's access: with it, its input is below 64 KiB. */
export const PAGE_DISCLOSED_CHARACTERS_MAX = 32_768;

/** Characters of a list of pointers that stands in such a list as it is; of a longer one its digest does. */
export const SELECT_CHARACTERS_MAX = 16_384;

/** Pages that one caller may have in the making: each takes a share of the thread that answers everybody. */
export const PAGES_PER_CALLER_MAX = 4;

/** The same for all callers without credentials together. */
export const PAGES_OF_STRANGERS_MAX = 1;

/** Conditions of one search; all of one URL. */
export const WHERE_MAX = 8;

/** Characters of one condition. */
export const WHERE_CHARACTERS_MAX = 512;
