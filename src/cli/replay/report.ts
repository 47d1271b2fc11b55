/** What a replay found, for people, for a merge request and for a build server. */
import type { ReplaySummary } from '../../policy/replay/summary.ts';

/** A limit that a merge gate sets, and what was found. */
export interface ReplayGate {
  readonly name: string;
  readonly found: number;
  /** Null: any number passes. */
  readonly most: number | null;
  /** Absent: none are needed. */
  readonly least?: number;
}

/** A replay with what it was held against. */
export interface ReplayReport extends ReplaySummary {
  readonly verdict: 'pass' | 'fail';
  readonly origin: string;
  /** Entries of the verified history. */
  readonly entries: number;
  /** Whether the history was read and verified from the store, or shown by a gateway. */
  readonly read: 'store' | 'gateway';
  /** `digest` is the SHA-256 of the bundle file, base64url: what approvals name. */
  readonly candidate: {
    readonly policy: string;
    readonly revision: string;
    readonly digest: string;
  };
  readonly gates: readonly ReplayGate[];
  /** Milliseconds from the first batch to the last decision. */
  readonly elapsedMs: number;
}

/** Entries written out for a group in texts; JSON has more. */
const ENTRIES_SHOWN = 8;
const SHOWN_NOTE =
  'read through the gateway: that these are all entries, and unchanged, is its word';
const MASK_NOTE =
  'what a mask removed was never stored: the candidate decided on what remained, and whether it would have masked the same cannot be told';

/** Whether a gate lets a replay through. */
export function isPassed({ found, most, least = 0 }: ReplayGate): boolean {
  return found >= least && (most === null || found <= most);
}

/** The report for a terminal. */
export function replayText(report: ReplayReport): string {
  const { decisions, identical, changed, flips, errors, masked, changes, notReplayed } = report;
  const lines = [
    `${report.verdict === 'pass' ? 'PASS' : 'FAIL'}: policy ${report.candidate.policy} (revision ${report.candidate.revision}) over ${report.entries} entries of ${report.origin}`,
    `  ${decisions} decisions: ${identical} as before, ${changed} changed, ${flips} flipped, ${errors} failing`,
    `  ${timeText(report)}`,
    ...(report.read === 'gateway' ? [`  ${SHOWN_NOTE}`] : []),
    ...changes.map(
      ({ kind, detail, count, entries }) =>
        `  ${kind.padEnd(13)} ${String(count).padStart(7)}  ${detail}  ${shown(entries, count)}`,
    ),
    ...notReplayed.map(
      ({ reason, count, entries }) =>
        `  not replayed  ${String(count).padStart(7)}  ${reason}  ${shown(entries, count)}`,
    ),
    ...(masked === 0
      ? []
      : [`  ${masked} events were stored masked, or may have been: ${MASK_NOTE}`]),
    ...report.gates.filter((gate) => !isPassed(gate)).map((gate) => `  ${gateText(gate)}`),
  ];
  return lines.join('\n');
}

/** The report for a merge request. */
export function replayMarkdown(report: ReplayReport): string {
  const { decisions, identical, changed, flips, errors, masked, changes, notReplayed } = report;
  const rows = [
    ...changes.map(({ kind, ...group }) => ({ what: kind.replaceAll('_', ' '), ...group })),
    ...notReplayed.map(({ reason, ...group }) => ({
      what: 'not replayed',
      detail: reason,
      ...group,
    })),
  ];
  const table = [
    '| change | decisions | what | entries |',
    '| --- | ---: | --- | --- |',
    ...rows.map(
      ({ what, detail, count, entries }) =>
        `| ${what} | ${count} | ${cell(detail)} | ${shown(entries, count)} |`,
    ),
  ];
  const lines = [
    `### Policy replay: ${report.verdict === 'pass' ? 'passed' : 'failed'}`,
    '',
    `Candidate \`${report.candidate.policy}\` over ${report.entries} sealed entries of \`${report.origin}\`: ` +
      `${decisions} decisions, ${identical} as before, **${changed} changed**, ${flips} flipped, ${errors} failing; ${timeText(report)}.`,
    '',
    ...(rows.length === 0 ? ['Nothing would have changed.'] : table),
    ...(report.read === 'gateway' ? ['', `This was ${SHOWN_NOTE}.`] : []),
    ...(masked === 0
      ? []
      : ['', `${masked} events were stored masked, or may have been: ${MASK_NOTE}.`]),
    '',
    ...report.gates.map(
      (gate) => `- ${isPassed(gate) ? 'passed' : '**failed**'}: ${gateText(gate)}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** The report for a build server: one case for each gate. */
export function replayJunit(report: ReplayReport): string {
  const { gates } = report;
  const failures = gates.filter((gate) => !isPassed(gate)).length;
  const seconds = (report.elapsedMs / 1000).toFixed(3);
  const cases = gates.map((gate) => {
    const name = `<testcase classname="stele.policy.replay" name="${escaped(gate.name)}">`;
    const failure = `<failure message="${escaped(gateText(gate))}"/>`;
    return `    ${name}${isPassed(gate) ? '' : failure}</testcase>`;
  });
  const totals = `tests="${gates.length}" failures="${failures}" errors="0" time="${seconds}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${totals}>`,
    `  <testsuite name="stele policy replay" ${totals}>`,
    ...cases,
    `    <system-out>${escaped(replayText(report))}</system-out>`,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function gateText({ name, found, most, least }: ReplayGate): string {
  if (least !== undefined) return `${found} ${name}, at least ${least} has to be`;
  return most === null ? `${found} ${name}` : `${found} ${name}, at most ${most} are let through`;
}

function timeText({ time }: ReplaySummary): string {
  const us = (ms: number): string => `${Math.round(ms * 1000)} us`;
  return `a decision takes ${us(time.mean)} on average, p50 ${us(time.p50)}, p99 ${us(time.p99)}, at most ${us(time.max)}`;
}

function shown(entries: readonly number[], count: number): string {
  const more = count > ENTRIES_SHOWN ? ', …' : '';
  return `[${entries.slice(0, ENTRIES_SHOWN).join(', ')}${more}]`;
}

function cell(text: string): string {
  return escaped(text).replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** Texts of policies and callers stand in the report: as text, whatever reads it. */
function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  };
  const marked = text.replace(/[&<>"]/g, (character) => names[character] ?? '');
  // XML 1.0 has no form for other control characters.
  return marked.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
}
