internal import InsightsPlugin

/// What a forge answered, and when by its own clock.
struct ForgeAnswer: Sendable {
    private let response: HTTP.Response
    private let entry: ForgeEntry
    /// The forge's time when it answered; this machine's where it tells none.
    let told: Instant
    /// The earliest the answer can have been made, by the forge's clock: one that was made before a midnight and came
    /// after it has the old day's part only.
    let made: Instant

    init(_ response: HTTP.Response, of entry: ForgeEntry, told: Instant, built elapsed: Duration) {
        self.response = response
        self.entry = entry
        self.told = told
        made = told.advanced(by: .zero - elapsed)
    }

    var status: Int { response.status }
    var isFromCache: Bool { response.isFromCache }

    /// The body.
    func json() throws(RunFailure) -> Value {
        do throws(RunFailure) { return try response.json() } catch { throw entry.withoutToken(error) }
    }

    /// The body as an object.
    func object() throws(RunFailure) -> Value {
        let value = try json()
        guard value.object != nil else { throw unfit("object") }
        return value
    }

    /// The body as a list.
    func list() throws(RunFailure) -> [Value] {
        guard let items = try json().array else { throw unfit("list") }
        return items
    }

    private func unfit(_ wanted: String) -> RunFailure {
        entry.withoutToken(
            RunFailure("http_bad_answer", "\(response.url) answered with what is no \(wanted)", retryable: true))
    }

    /// The URL of a further page.
    func link(_ relation: String) throws(RunFailure) -> HTTP.URL? {
        do throws(RunFailure) { return try response.link(relation) } catch { throw entry.withoutToken(error) }
    }

    /// How many items a list has in all, by the header.
    var total: Int64? {
        (response.headers["x-total-count"] ?? response.headers["x-total"]).flatMap { Value.string($0).lenientCount }
    }

    /// A header.
    subscript(header name: String) -> String? { response.headers[name] }

    /// Whether the forge says that there is no such thing, as far as this credential may know.
    var isMissing: Bool { status == 404 || status == 410 }

    /// Whether the organisation's single sign-on is all that the token lacks.
    var lacksSignOn: Bool { status == 403 && self[header: "x-github-sso"] != nil }

    /// Why there is no figure, where the answer says that for good.
    ///
    /// - Parameter what: What was asked for, for people.
    /// - Throws: ``RunFailure`` when it may be had another time, so that nothing is concluded from it.
    func reason(of what: String, _ entry: ForgeEntry) throws(RunFailure) -> String {
        switch status {
        case _ where lacksSignOn:
            return "the token is not authorised for the organisation's single sign-on"
        case 401, 403, 404, 410, 451:
            return entry.token == nil
                ? "\(what) cannot be read without a token (\(status))" : "the token may not read \(what) (\(status))"
        default: throw failure(of: what, entry)
        }
    }

    /// The failure that this answer is.
    func failure(of what: String, _ entry: ForgeEntry) -> RunFailure {
        let key = entry.address.key
        switch status {
        case 401:
            return RunFailure(
                "credential",
                entry.token == nil
                    ? "\(key) tells \(what) to nobody without a token: set \"token\" of this forge"
                    : "\(key) refused the token: it is wrong, expired or revoked; make a new one and set \"token\" of "
                        + "this forge", retryable: false)
        case _ where lacksSignOn:
            return RunFailure(
                "forbidden",
                "\(key) wants the token authorised for the organisation's single sign-on before it may read \(what)",
                retryable: false)
        case 403, 451:
            let help = entry.token == nil ? "set \"token\" of this forge" : "give the token the permission to read it"
            return RunFailure("forbidden", "\(key) does not let \(what) be read (\(status)); \(help)", retryable: false)
        case 404, 410:
            let hidden =
                entry.token == nil ? "without a token only public ones are seen" : "or the token may not see it"
            return RunFailure("not_found", "\(key) has no \(what) (\(status)), \(hidden)", retryable: false)
        case 500...599:
            return RunFailure(
                "forge_failed", "\(key) failed (\(status)) when asked for \(what)", retryable: true)
        default:
            return RunFailure("bad_answer", "\(key) answered \(status) when asked for \(what)", retryable: true)
        }
    }
}
