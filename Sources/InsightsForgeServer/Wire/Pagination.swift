/// One page of a list, as a request asks for it.
struct Pagination {
    /// From 1.
    let page: Int
    /// How many elements a page has.
    let size: Int

    /// - Parameters:
    ///   - sizeName: The parameter with the page's size: `per_page`, and on Forgejo `limit`.
    ///   - standard: The size when none is asked for.
    ///   - most: The highest size; a higher one is cut to it without a word, as the forges do.
    init(_ request: ForgeRequest, sizeName: String = "per_page", standard: Int = 30, most: Int = 100) {
        // No list is as long as the upper bound; it keeps the arithmetic within its numbers.
        page = min(max(1, request.parameter("page").flatMap { Int($0) } ?? 1), 1_000_000)
        let asked = request.parameter(sizeName).flatMap { Int($0) } ?? standard
        size = asked < 1 ? standard : min(asked, most)
    }

    /// The elements of this page.
    func slice<Element>(_ elements: [Element]) -> ArraySlice<Element> {
        let start = min((page - 1) * size, elements.count)
        return elements[start..<min(start + size, elements.count)]
    }

    /// How many pages `count` elements fill; at least 1.
    func pages(of count: Int) -> Int { max(1, (count + size - 1) / size) }

    /// The `Link` header (RFC 8288); `nil` when all is on one page.
    func links(
        of count: Int, at path: String, in request: ForgeRequest, separator: String = ", "
    ) -> String? {
        let last = pages(of: count)
        func link(_ page: Int, _ relation: String) -> String {
            "<\(request.address(path, changing: [("page", String(page))]))>; rel=\"\(relation)\""
        }
        var links: [String] = []
        if page > 1 { links.append(link(page - 1, "prev")) }
        if page < last { links += [link(page + 1, "next"), link(last, "last")] }
        if page > 1 { links.append(link(1, "first")) }
        return links.isEmpty ? nil : links.joined(separator: separator)
    }
}
