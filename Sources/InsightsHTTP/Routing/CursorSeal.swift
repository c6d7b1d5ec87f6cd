private import Crypto
internal import InsightsEngine
internal import InsightsPlugin

/// Ties a store's cursors to the query that they came from.
///
/// To a store a cursor is a place in an order. With other filters or in another order that place would be taken all the
/// same, and the page would leave out or repeat items without a word.
struct CursorSeal {
    /// Eight hexadecimal digits: enough against a mistake, and no more is at stake.
    private let mark: String

    /// - Parameter words: What decides on the items and their order: the list's name, then every filter.
    init(_ words: [String?]) {
        let text = Value.array(words.map { Value($0) }).json
        mark = SHA256.hash(data: Array(text.utf8)).prefix(4).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    func seal(_ cursor: String) -> String { mark + "-" + cursor }

    /// The store's cursor, or `nil` when the text is of another query, or none.
    func open(_ text: String) -> String? {
        text.hasPrefix(mark + "-") ? String(text.dropFirst(mark.count + 1)) : nil
    }
}

/// Awaits a page of a list, from where the request's `cursor` says.
///
/// All other values having been checked, what a store finds invalid is the cursor.
///
/// - Parameters:
///   - words: As ``CursorSeal`` wants them.
///   - ask: Asks the store, with a cursor of its own.
func paged<Item>(
    _ call: Call, _ words: [String?], _ ask: (_ cursor: String?) async throws(StoreError) -> Page<Item>
) async throws(Problem) -> Page<Item> {
    let seal = CursorSeal(words)
    let wrong = Problem.badParameter("cursor", "must be next_cursor of an earlier page of the same query")
    let given = try call.value(RunRoutes.cursor)
    let cursor = given.flatMap(seal.open)
    if given != nil, cursor == nil { throw wrong }
    do {
        var page = try await ask(cursor)
        page.nextCursor = page.nextCursor.map(seal.seal)
        return page
    } catch {
        throw error.kind == .invalid && cursor != nil ? wrong : Problem(error)
    }
}
