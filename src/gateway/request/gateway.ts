import type { Request } from 'express';
import type { JsonLimits } from '../../core/json/strict-json.ts';
import { DEFAULT_INPUT_LIMITS } from '../../policy/decide/input.ts';
import { RequestIds } from './arrival.ts';
import type { GatewayComponents } from '../context/components.ts';
import { Turns } from '../../policy/pool/turns.ts';
import { Desk } from './desk.ts';
import { GatewayMetrics } from './metrics.ts';
import { ProblemError } from '../context/problem.ts';
import type { Problem } from '../context/problem.ts';
import { Room } from '../quota/room.ts';
import type { GatewaySettings } from '../context/settings.ts';
import { Warnings } from '../context/warnings.ts';

/** What all requests share: the desks, how many are in flight, whether more are taken. */
export class Gateway {
  readonly components: GatewayComponents;
  readonly settings: GatewaySettings;
  readonly metrics: GatewayMetrics;
  readonly requestIds: RequestIds;
  readonly room: Room;
  /** Of the one thread that answers everybody. */
  readonly turns = new Turns();
  readonly desks: ReadonlyMap<string, Desk>;
  /** Bounds of one event as JSON, where the gateway itself has to read it. */
  readonly eventLimits: JsonLimits;
  readonly #warnings: Warnings;
  readonly #flushing: NodeJS.Timeout;
  #inFlight = 0;
  #closing = false;

  constructor(components: GatewayComponents, settings: GatewaySettings) {
    this.components = components;
    this.settings = settings;
    this.room = new Room(settings);
    this.#warnings = new Warnings(components.log, components.clock);
    this.eventLimits = { ...DEFAULT_INPUT_LIMITS.event, bytes: settings.eventBytesMax };
    this.requestIds = new RequestIds(components.random(6));
    this.desks = new Map(
      components.ledgers.map((served) => [
        served.name,
        new Desk(served, components, settings, this.turns),
      ]),
    );
    this.metrics = new GatewayMetrics(this.desks, components.callers, components.version);
    this.#flushing = setInterval(() => void this.flushSummaries(), settings.summaryMs);
    this.#flushing.unref();
  }

  desk(name: string): Desk | undefined {
    return this.desks.get(name);
  }

  get closing(): boolean {
    return this.#closing;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  enter(): void {
    this.#inFlight += 1;
  }

  leave(): void {
    this.#inFlight -= 1;
  }

  /** The caller's address: the connection's, or the one that trusted proxies name. */
  addressOf(request: Request): string {
    const address =
      this.settings.trustedProxies.length === 0 ? request.socket.remoteAddress : request.ip;
    return address ?? '';
  }

  /** Logs what is wrong with us; what is wrong with a request stands in its own line. */
  logProblem(request: string, { status, code }: Problem, error: unknown): void {
    // 501 is the caller's doing.
    if (status < 500 || status === 501) return;
    if (status === 500) this.components.log.error('problem', { request, code, error });
    // What we mean to answer has no stack that anybody needs; what a lower layer says has a cause.
    else if (error instanceof ProblemError) {
      this.#warnings.warn(code, { request, detail: error.message });
    } else this.#warnings.warn(code, { request, error });
  }

  /** Says "not ready" from now on. Requests are still answered. */
  retire(): void {
    this.#closing = true;
  }

  async flushSummaries(): Promise<void> {
    for (const desk of this.desks.values()) await desk.summary.flush();
  }

  /** Seals what was counted. No request may be in flight. */
  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#flushing);
    await this.flushSummaries();
  }
}
