internal import InsightsPlugin

extension ForgeFault.Effect {
    /// The answer that takes the place of the forge's own; `nil` when its own is only changed.
    func replacement(for request: ForgeRequest) -> ForgeAnswer? {
        var answer: ForgeAnswer
        switch self {
        case .status(let status, let message, let headers):
            answer = ForgeAnswer(status: status, json: ["message": .string(message)])
            answer.headers = headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        case .hang:
            answer = ForgeAnswer(status: 200, type: "text/plain", text: "")
            answer.delivery.hangs = true
        case .raw(let text):
            answer = ForgeAnswer(status: 200, type: "text/plain", text: text)
            answer.delivery.isRaw = true
        case .redirectLoop:
            let next = (request.parameter("loop").flatMap { Int($0) } ?? 0) &+ 1
            answer = ForgeAnswer(status: 302, type: "text/plain", text: "")
            answer.headers.append(
                ("Location", request.address(String(request.path), changing: [("loop", String(next))])))
        case .redirect(let root, let status):
            answer = ForgeAnswer(status: status, type: "text/plain", text: "")
            answer.headers.append(("Location", root + request.target))
        case .hugeBody(let bytes):
            answer = ForgeAnswer(status: 200, type: "application/json; charset=utf-8", text: "")
            let head = Array("{\"data\":\"".utf8)
            let filling = [UInt8](repeating: UInt8(ascii: "x"), count: max(0, bytes - head.count - 2))
            answer.body = head + filling + Array("\"}".utf8)
        case .deepNesting(let levels):
            answer = ForgeAnswer(
                status: 200, type: "application/json; charset=utf-8",
                text: String(repeating: "[", count: levels) + String(repeating: "]", count: levels))
        default: return nil
        }
        answer.cost = 0
        return answer
    }

    /// The request that the forge is to answer instead.
    func changing(_ request: ForgeRequest) -> ForgeRequest {
        guard case .endlessPages = self else { return request }
        let kept = request.query.filter { !["page", "id_after", "id_before"].contains($0.name) }
        let query = kept.map { "\(PercentCoding.encode($0.name))=\(PercentCoding.encode($0.value))" }
        return ForgeRequest(
            method: request.method, target: "\(request.path)?\(query.joined(separator: "&"))",
            headers: request.headers.filter { $0.name != "if-none-match" }, body: request.body)
    }

    /// Changes the forge's own answer.
    func change(_ answer: inout ForgeAnswer, to request: ForgeRequest) {
        switch self {
        case .reset(let bytes): answer.delivery.resetAfter = bytes
        case .close(let bytes): answer.delivery.closeAfter = bytes
        case .slow(let duration): answer.delivery.delay += duration
        case .drip(let bytes, let pause): answer.delivery.drip = (max(1, bytes), pause)
        case .overlongLength(let excess):
            answer.render()
            answer.delivery.declaredLength = answer.body.count + excess
            answer.delivery.closeAfter = .max
        case .chunked(let bytes, let isCutShort):
            answer.delivery.chunk = max(1, bytes)
            answer.delivery.lacksLastChunk = isCutShort
        case .truncatedBody:
            answer.render()
            answer.body = Array(answer.body.prefix(answer.body.count / 2))
        case .notJSON:
            answer.render()
            answer.body = Array("<html><body><h1>Whoa there!</h1></body></html>".utf8)
        case .contentType(let type):
            answer.render()
            answer.setHeader("Content-Type", type)
        case .endlessPages:
            let page = (request.parameter("page").flatMap { Int($0) } ?? 1) &+ 1
            let next = request.address(String(request.path), changing: [("page", String(page))])
            answer.setHeader("Link", "<\(next)>; rel=\"next\"")
        case .change(let edit):
            // No JSON, nothing to change.
            guard let json = answer.json ?? (try? Value(json: answer.body)) else { return }
            answer.body = edit(json).jsonBytes
            answer.json = nil
        case .status, .hang, .raw, .redirectLoop, .redirect, .hugeBody, .deepNesting: break
        }
    }
}
