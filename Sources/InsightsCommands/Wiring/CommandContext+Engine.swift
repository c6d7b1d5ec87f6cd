internal import InsightsEngine
internal import InsightsHTTPClient
internal import InsightsManifest
internal import InsightsPlugin
internal import Logging

extension CommandContext {
    /// An engine over this database and manifest; nothing runs before it is started.
    func engine(
        _ store: any Store, _ manifest: Manifest, _ configuration: EngineConfiguration, _ logger: Logger
    ) -> Engine {
        let runner = ProcessRunner(
            workingDirectory: ManifestPlace.absoluteFolder(of: manifestPath), environment: settings.variables)
        return Engine(
            store: store, registry: registry, manifest: manifest,
            load: {
                let result = readManifest()
                return LoadedManifest(manifest: result.manifest, diagnostics: result.diagnostics)
            },
            configuration: configuration, clock: SystemClock(), commands: runner, http: http, logger: logger)
    }

    /// Closes what module code has open to servers; no run may be left.
    func closeConnections() async { await http.shutdown() }
}
