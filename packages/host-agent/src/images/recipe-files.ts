/** The recipes in the repository's folder `images/`: plain files whose content is part of what is made from them. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const RECIPES = fileURLToPath(new URL("../../../../images", import.meta.url));

export function recipeFile(...path: string[]): string {
  return join(RECIPES, ...path);
}

/** One hash over the names and bytes of all files of one recipe. */
export async function hashRecipe(recipe: string): Promise<string> {
  const hash = createHash("sha256");
  const folder = recipeFile(recipe);
  for (const name of (await readdir(folder)).toSorted()) {
    const content = await readFile(join(folder, name));
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}
