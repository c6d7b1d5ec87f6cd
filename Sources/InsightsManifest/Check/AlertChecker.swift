import InsightsEngine

/// Checks `alerts`: where failures are told.
struct AlertChecker {
    /// What an alert can be about.
    enum Kind: String, CaseIterable {
        case failure
        case recovery
        case missed
        case retention
    }

    /// The keys of one alert.
    enum Key: String, CaseIterable {
        case webhook
        case on
        case tasks
        case secret
    }

    let values: ValueReader
    /// The names of all tasks.
    let tasks: KnownNames

    func check(_ field: Field) {
        guard let items = values.items(field, expected: "a list of alerts"), !items.isEmpty else { return }
        values.sink.warning(
            .notYet, at: values.namePlace(field), "this version checks \"alerts\" but does not send them yet",
            help: "watch the command `insights history --status failed` until a later version does")
        for item in items { check(alert: item) }
    }

    private func check(alert item: Field) {
        let target = values.tree.resolved(item.value)
        guard values.tree[target].kind == .mapping || values.tree.isNull(target) || values.isUnknown(target) else {
            return values.sink.error(
                .type, at: values.place(item), "an alert must be a map, not \(values.describe(item))",
                help: "such as {webhook: \"https://example.org/hook\"}")
        }
        guard let entries = values.entries(item) else { return }
        var hasWebhook = false
        for field in entries.map(values.field) {
            switch Key(rawValue: field.name) {
            case .webhook:
                hasWebhook = true
                checkWebhook(field)
            case .on:
                for kind in values.items(field, expected: "a list of kinds") ?? [] {
                    _ = values.choice(kind, Kind.self)
                }
            case .tasks: checkTasks(field)
            case .secret: _ = values.text(field)
            case nil: values.tellUnknownKey(field, in: "an alert", known: Key.allCases.map(\.rawValue))
            }
        }
        if !hasWebhook {
            values.tellMissingKey(
                "webhook", in: "this alert", of: item.value, at: values.tree.place(item.value),
                help: "say where it is sent, as in webhook: https://example.org/hook")
        }
    }

    /// The address is not quoted: those who know it can often post to it.
    private func checkWebhook(_ field: Field) {
        guard let text = values.text(field, expected: "an address")?.text else { return }
        if !WebhookAddress.isValid(text) {
            values.sink.error(
                .type, at: values.place(field), "\"webhook\" must be an http or https address with a host",
                help: "such as https://example.org/hook")
        }
    }

    private func checkTasks(_ field: Field) {
        for item in values.items(field, expected: "a list of names or globs") ?? [] {
            guard let name = values.text(item, expected: "a name or a glob")?.text else { continue }
            let isGlob = name.contains { $0 == "*" || $0 == "?" || $0 == "[" }
            if isGlob || tasks.contains(name) || values.tree.isPartial || !tasks.isKnown { continue }
            values.sink.error(
                .unknownTask, at: values.place(item), "unknown task \(Shown.quoted(name))",
                help: values.suggestions.help(for: name, among: tasks.sorted, kind: "tasks"))
        }
    }
}

/// An address to post to.
enum WebhookAddress {
    /// Whether a text is an absolute `http` or `https` URI with a host and, if any, a port of 1…65535.
    ///
    /// - SeeAlso: RFC 3986, section 3.
    static func isValid(_ text: String) -> Bool {
        let lower = text.lowercased()
        guard let scheme = ["http://", "https://"].first(where: lower.hasPrefix),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "\"") })
        else { return false }
        let authority = text.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let server = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority[...]
        let isBracketed = server.hasPrefix("[")
        let hostEnd = isBracketed ? server.firstIndex(of: "]").map(server.index(after:)) : server.firstIndex(of: ":")
        if isBracketed, hostEnd == nil { return false }
        let host = server[..<(hostEnd ?? server.endIndex)]
        let rest = server[(hostEnd ?? server.endIndex)...]
        let isPort =
            rest.isEmpty || rest == ":" || (rest.first == ":" && UInt16(rest.dropFirst()).map { $0 > 0 } == true)
        return isPort && (isBracketed ? host.count > 2 : !host.isEmpty && !host.contains { $0 == "[" || $0 == "]" })
    }
}
