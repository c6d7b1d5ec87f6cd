/// Pages for people.
enum PageRoutes {
    static let all: [Route] = []
}
