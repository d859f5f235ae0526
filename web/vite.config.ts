// How the page is built: static files under dist/, served by the engine at `/`, nothing fetched from elsewhere.
import { defineConfig } from "vite";

/** Address of a running engine, for `npm run dev`. */
const ENGINE = "http://127.0.0.1:8080";

export default defineConfig({
  build: {
    target: "es2022",
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      output: {
        // Giro3D asks for `<folder>/laz-perf.wasm`: the version is in the folder, the name stays.
        assetFileNames: (asset) =>
          asset.names.some((name) => name.endsWith(".wasm"))
            ? "assets/[hash]/[name][extname]"
            : "assets/[name]-[hash][extname]",
      },
    },
  },
  worker: { format: "es" },
  server: {
    host: "127.0.0.1",
    proxy: { "/layers": ENGINE, "/tiles": ENGINE, "/points": ENGINE, "/api": ENGINE },
  },
});
