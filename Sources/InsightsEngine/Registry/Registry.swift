package import InsightsPlugin

/// A task module under its full name.
package struct RegisteredModule: Sendable {
    /// `plugin.module`, as in `uses:`.
    package let id: String
    package let plugin: String
    /// The plugin's own version.
    package let version: String
    /// `builtin`, or the folder of a process plugin.
    package let origin: String
    package let module: any TaskModule
    package let declaration: ModuleDeclaration
}

/// Why a plugin cannot be taken in.
package struct RegistryError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// The core registry: every task module there is, by name.
///
/// A value: it is filled once, where everything is wired together, and then only read.
package struct Registry: Sendable {
    private var byID: [String: RegisteredModule] = [:]

    /// Creates an empty registry.
    package init() {}

    /// Creates a registry of plugins.
    ///
    /// - Throws: ``RegistryError`` as ``add(_:origin:)`` does.
    package init(_ plugins: [Plugin], origin: String = "builtin") throws(RegistryError) {
        for plugin in plugins { try add(plugin, origin: origin) }
    }

    /// Takes in every module of a plugin, or none.
    ///
    /// - Throws: ``RegistryError`` when the plugin's or a module's name is malformed or already taken,
    ///   or a metric's name is malformed.
    package mutating func add(_ plugin: Plugin, origin: String) throws(RegistryError) {
        guard Registry.isValid(name: plugin.name) else {
            throw RegistryError(description: "plugin name \"\(plugin.name)\" must match [a-z0-9]([a-z0-9_-]*[a-z0-9])?")
        }
        var added: [String: RegisteredModule] = [:]
        for module in plugin.modules {
            let declaration = module.declaration
            let id = plugin.name + "." + declaration.id
            guard Registry.isValid(name: declaration.id) else {
                throw RegistryError(description: "module name \"\(id)\" must match [a-z0-9]([a-z0-9_-]*[a-z0-9])?")
            }
            if let bad = declaration.metrics.first(where: { !MetricDeclaration.isValid(name: $0.name) }) {
                throw RegistryError(description: "metric \"\(bad.name)\" of \(id) must match [a-z][a-z0-9_]*")
            }
            guard byID[id] == nil, added[id] == nil else {
                throw RegistryError(
                    description: "module \"\(id)\" is already there (from \(byID[id]?.origin ?? origin))")
            }
            added[id] = RegisteredModule(
                id: id, plugin: plugin.name, version: plugin.version, origin: origin, module: module,
                declaration: declaration)
        }
        byID.merge(added) { current, _ in current }
    }

    /// The module that `uses:` names, or `nil`.
    package subscript(id: String) -> RegisteredModule? { byID[id] }

    /// All modules, sorted by id.
    package var modules: [RegisteredModule] { byID.values.sorted { $0.id < $1.id } }

    /// Whether `name` is a plugin's, module's or task's name: `[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?`.
    package static func isValid(name: String) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard let first = name.utf8.first, let last = name.utf8.last, name.utf8.count <= 64 else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && name.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }
}
