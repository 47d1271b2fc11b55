// Resident memory of a gateway that serves and has nothing to do.
import { usage } from './process.mjs';
import { row } from './row.mjs';
import { startStele } from './stele.mjs';

const BAR_MB = 150;
const SETTLE_MS = 3000;

export async function idleMemory() {
  const stele = await startStele();
  try {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const { rssMb } = usage(stele.pid);
    return [
      row('resident memory, idle', `${Math.round(rssMb)} MB`, `<= ${BAR_MB} MB`, rssMb <= BAR_MB),
    ];
  } finally {
    await stele.stop();
  }
}
