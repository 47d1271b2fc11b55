/** Every bound of the ledger, with its unit and why it is this. What genesis bounds is not here. */

/** Bytes after which a journal segment is closed and the next begun: trimming frees whole segments. */
export const SEGMENT_BYTES_MAX = 16_777_216;

/** Bytes of records in one write and sync: bounds the memory of a group, and what one sync can make wait. */
export const GROUP_BYTES_MAX = 4_194_304;

/** Milliseconds after which the first retry of an unanswered store call comes, on average; it doubles from there. */
export const RETRY_MS_MIN = 50;

/** Longest wait between two retries: an outage's end is noticed within this. */
export const RETRY_MS_MAX = 5000;

/** Slots looked at at once while a long stretch of the log is learnt. */
export const LEARN_AHEAD = 16;

/** How far past an empty slot a certified batch is looked for, in doublings: 2^20 batches. */
export const GALLOP_DOUBLINGS = 20;

/** Milliseconds between two looks at the settings of the bucket: two cheap requests, and what they tell is for a person. */
export const SETTINGS_LOOK_MS = 600_000;

/** Every how many polls a delete marker or version behind an empty slot is looked for with a listing. */
export const POLLS_A_LISTING = 60;

/** Identities kept to recognise a repetition, and for how long (ms). About 200 bytes each. */
export const IDENTITIES_MAX = 100_000;
export const IDENTITY_MS_MAX = 86_400_000;

/** Added to lock dates, so that a slow upload or a skewed clock does not shorten what was declared (ms). */
export const LOCK_MARGIN_MS = 3_600_000;

/** Bytes of sealed tiles and bundles kept in memory for proofs. */
export const TILE_CACHE_BYTES = 8_388_608;

/** Inner nodes of the tree kept for proofs: about 1 MB, those of the last few thousand entries. */
export const TREE_NODES_KEPT = 8192;

/** Tries to sign an entry or batch before the group fails: a remote signer may drop a request. */
export const SIGN_ATTEMPTS = 3;

/** Effort of compression, 1..9: above this the bytes saved on records are few and the time is not. */
export const GZIP_LEVEL = 4;

/** Plain bytes of records in one batch: bounds memory, and the wait of those behind a large batch. */
export const BATCH_RECORD_BYTES_MAX = 33_554_432;

/** Keys looked at behind an empty slot when a ledger is opened. */
export const LISTED_AHEAD = 64;

/** Bytes of signed heads in one file before the next is begun: some ten thousand heads. */
export const HEADS_BYTES_MAX = 1_048_576;

/** Objects of the static view written at once. */
export const VIEW_WRITES = 8;

/** Bytes of unpublished tiles and bundles that may wait in memory while a long stretch of the log is learnt. */
export const UNPUBLISHED_BYTES_MAX = 33_554_432;

/** Positions of batches kept for searches; about 100 bytes each. */
export const HEADER_CACHE_ENTRIES = 20_000;

/** Bytes first read of a batch whose header is wanted: nearly all headers are shorter. */
export const HEADER_READ_BYTES = 65_536;

/** Longest wait for its batch that an entry is searched with as if it were usual (ms): mostly it is much less. */
export const ADMISSION_LAG_MS_MIN = 512;

/** Runs of batches whose admission times are known apart; about 100 bytes each. Only clocks and outages begin one. */
export const ADMISSION_RUNS_MAX = 8192;

/** Ids of recently sealed entries kept with their index; about 150 bytes each. */
export const RECENT_ENTRIES = 50_000;

/** Signed notes kept for proofs to sizes a little behind the newest. */
export const RECENT_NOTES = 256;

/** Entries of an own batch up to which all of it is judged again: what that costs is not felt (some 50 us each). */
export const JUDGED_ENTRIES_MAX = 16;

/** What is read again at a start from a snapshot, for the identities and places of recent entries: this many batches. */
export const LOOK_BACK_BATCHES = 128;

/** The same, until this many entries: some 50 us each. */
export const LOOK_BACK_ENTRIES = 4096;

/** Batches learnt after which a snapshot is worth its write. */
export const SNAPSHOT_BATCHES = 64;

/** Bytes of a published checkpoint that are read: nothing locks the object, so it may be of any size. */
export const NOTE_BYTES_MAX = 1_048_576;

/** The same of a tile or entry bundle: 256 entries of the largest size, with their lengths. */
export const TILE_BYTES_MAX = 16_777_472;

/** Bytes that the reference to a payload object takes in a header, or an orphan, but for its members; at most. */
export const REFERENCE_BYTES_MAX = 640;

/** Orphans listed in one batch: the rest waits for the next, so that any legal header has room for entries. */
export const ORPHANS_LISTED_MAX = 16;
