// Child processes of a benchmark: started on loopback, awaited until they answer, ended at the end.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { readFileSync } from 'node:fs';

/** @returns {Promise<number>} a loopback port that was free a moment ago */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a process and waits until `url` answers, by default with 200. */
export async function start({
  command,
  args,
  env,
  url,
  answers = (response) => response.status === 200,
  deadlineMs = 60_000,
}) {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => (said = (said + chunk).slice(-4000)));
  }
  const until = Date.now() + deadlineMs;
  for (;;) {
    if (child.exitCode !== null)
      throw new Error(`${command} ended with ${child.exitCode}: ${said}`);
    if (Date.now() > until) throw new Error(`${command} did not answer at ${url}: ${said}`);
    try {
      if (answers(await fetch(url))) break;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  };
  return { child, stop };
}

/** Resident memory of a process in MB, and its processor seconds so far. */
export function usage(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return {
    rssMb: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024,
    cpuSeconds: (Number(stat[11]) + Number(stat[12])) / 100,
  };
}
