/** One operation at a time per machine. What only tidies up gives way to whoever wants the machine. */
import type { HostBase, HostContext } from "../host.ts";

export function exclusively<T>(host: HostContext, id: string, body: () => Promise<T>): Promise<T> {
  host.flattening.get(id)?.abort();
  return host.locks.run(id, body);
}

/** Nothing that carries the name is swept while `body` makes it. */
export async function whileUnborn<T>(host: HostBase, name: string, body: () => Promise<T>): Promise<T> {
  host.unborn.add(name);
  try {
    return await body();
  } finally {
    host.unborn.delete(name);
  }
}
