/** Addresses of pages that mails and redirects lead to. They never come from a request, whose Host header anybody can choose. */

export class Links {
  #base: string;
  readonly #configured: boolean;

  /** @param base e.g. https://wrenn.example.com; without one it is where the server listens */
  constructor(base: string | undefined) {
    this.#configured = base !== undefined;
    this.#base = base ?? "http://127.0.0.1";
  }

  /** The server listens at this address. */
  listening(url: string): void {
    if (!this.#configured) this.#base = url;
  }

  get secure(): boolean {
    return this.#base.startsWith("https:");
  }

  /** @param path begins with a slash */
  to(path: string, query: Readonly<Record<string, string>> = {}): string {
    const search = new URLSearchParams(query).toString();
    return `${this.#base}${path}${search === "" ? "" : `?${search}`}`;
  }
}
