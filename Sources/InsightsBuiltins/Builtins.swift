package import InsightsPlugin

/// The plugins that are part of the program: the one list of them.
///
/// A new one is a folder beside this file and a line here.
package enum Builtins {
    /// Every built-in plugin, each name once.
    package static let plugins: [Plugin] = [
        Plugin(
            name: "git", version: version,
            modules: [GitActivity(), GitRepositories(), GitAccounts(), GitPlatforms()]),
        Plugin(name: "command", version: version, modules: [CommandRun()]),
    ]

    /// The plugins' version, for people: they change with the program.
    private static let version = "1.0.0"
}
