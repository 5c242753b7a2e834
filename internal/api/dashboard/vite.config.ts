import { defineConfig } from "vitest/config";

// Relative addresses: the page works below any path of a proxy. Nothing is
// inlined, so that a strict Content-Security-Policy holds.
export default defineConfig({
  base: "./",
  build: {
    outDir: "dist",
    emptyOutDir: true, // public/.keep is copied back in
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    reportCompressedSize: true,
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8480" } },
  test: { include: ["test/**/*.test.ts"], css: true }, // css: the colours are tested from their file
});
