internal import Mustache

/// The pages' templates, compiled when the first page is asked for.
enum PageTemplates {
    static let library: MustacheLibrary = {
        MustacheContentTypes.register(ScalarHTML(), named: ScalarHTML.name)
        var templates: [String: MustacheTemplate] = [:]
        for (name, text) in ["layout": layout, "overview": overview, "subject": subject, "panel": panel] {
            do {
                templates[name] = try MustacheTemplate(string: "{{% CONTENT_TYPE:\(ScalarHTML.name)}}" + text)
            } catch {
                preconditionFailure("the template \(name) is wrong: \(error)")
            }
        }
        return MustacheLibrary(templates: templates)
    }()

    /// A whole page.
    static func render(_ name: String, _ page: some Sendable) -> String {
        guard let text = library.render(page, withTemplate: name) else {
            preconditionFailure("there is no template \(name)")
        }
        return text
    }

    private static let layout = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>{{frame.title}}</title>
        <link rel="icon" href="data:,">
        <style>{{{frame.style}}}</style>
        </head>
        <body>
        <header>
        <a class="brand" href="/">insights</a>
        <span class="pill {{frame.tone}}">{{frame.state}}</span>
        <span class="quiet end">{{frame.now}}</span>
        </header>
        <main>
        {{#frame.notices}}<p class="notice {{tone}}">{{text}}</p>{{/frame.notices}}
        {{$content}}{{/content}}
        </main>
        <footer class="quiet">insights {{frame.version}} · <a href="/openapi.json">API</a> · <a href="/metrics">metrics</a></footer>
        </body>
        </html>

        """

    private static let overview = """
        {{<layout}}{{$content}}
        <section aria-label="Tasks">
        <h1>Tasks <span class="quiet">{{count(tasks)}}</span></h1>
        {{^tasks}}<p class="quiet">The manifest names no task yet.</p>{{/tasks}}
        <ul class="tasks">
        {{#tasks}}
        <li>
        <div><strong>{{name}}</strong> <span class="pill {{tone}}">{{status}}</span>
        <div class="quiet">{{description}}</div>{{#.error}}<div class="error">{{.}}</div>{{/.error}}\
        {{#.risk}}<div class="error">{{.}}</div>{{/.risk}}</div>
        <dl>
        <div><dt>last</dt><dd>{{{last}}}</dd></div>
        <div><dt>next</dt><dd>{{{next}}}</dd></div>
        <div class="cadence"><dt>cadence</dt><dd>{{cadence}}</dd></div>
        </dl>
        </li>
        {{/tasks}}
        </ul>
        </section>
        <section aria-label="Subjects">
        <h1>Subjects <span class="quiet">{{total}}</span></h1>
        <form action="/" method="get" role="search">
        <input type="search" name="q" value="{{search}}" placeholder="Name or key" aria-label="Name or key" maxlength="256">
        <button>Find</button>
        </form>
        {{#.nothing}}<p class="quiet">{{.}}</p>{{/.nothing}}
        <ul class="cards">{{#subjects}}
        <li>
        <a href="/subjects/{{id}}"><strong>{{name}}</strong></a>
        <span class="quiet">{{kind}}{{#.state}} · {{.}}{{/.state}}</span>
        {{{chart}}}
        <dl>{{#values}}<div><dt>{{metric}}</dt><dd>{{value}}</dd></div>{{/values}}</dl>
        {{#.more}}<span class="quiet">{{.}}</span>{{/.more}}
        </li>
        {{/subjects}}</ul>
        <ul class="plain">{{#plain}}<li><a href="/subjects/{{id}}">{{name}}</a> <span class="quiet">{{kind}}\
        {{#.state}} · {{.}}{{/.state}}</span></li>{{/plain}}</ul>
        {{#.nextPage}}<p><a href="{{.}}">More subjects</a></p>{{/.nextPage}}
        </section>
        {{/content}}{{/layout}}
        """

    private static let subject = """
        {{<layout}}{{$content}}
        <section>
        <h1>{{name}} {{#.state}}<span class="pill idle">{{.}}</span>{{/.state}}</h1>
        <p class="quiet">{{kind}} · {{key}}{{#.parent}} · in {{.}}{{/.parent}}{{#.aliases}} · formerly {{.}}{{/.aliases}}\
        {{#.link}} · <a href="{{.}}" rel="noreferrer noopener">{{.}}</a>{{/.link}}</p>
        <ul class="plain">{{#events}}<li class="quiet">{{.}}</li>{{/events}}</ul>
        <nav aria-label="Range">{{#ranges}}<a href="{{target}}"{{#isChosen}} aria-current="page"{{/isChosen}}>{{name}}</a>{{/ranges}}</nav>
        {{^isMeasured}}<p class="quiet">Nothing is measured of it yet.</p>{{/isMeasured}}
        <ul class="cards small">{{#figures}}{{> panel}}{{/figures}}</ul>
        <ul class="cards wide">{{#panels}}{{> panel}}{{/panels}}</ul>
        </section>
        {{/content}}{{/layout}}
        """

    private static let panel = """
        <li>
        <h2>{{metric}}</h2>
        <p><strong class="figure">{{.value}}</strong> <span class="quiet">{{#.unit}}{{.}} · {{/.unit}}{{{at}}}{{#.of}} · sum of {{.}}{{/.of}}</span></p>
        {{{chart}}}
        <ol>{{#ranking}}<li><span>{{label}}</span><span>{{value}}</span></li>{{/ranking}}</ol>
        {{#.note}}<p class="quiet">{{.}}</p>{{/.note}}
        </li>
        """
}

/// Escapes text for HTML, scalar by scalar.
///
/// The library's own way goes by characters and so passes a quote that carries a combining mark, which to a browser
/// is still a quote.
struct ScalarHTML: MustacheContentType {
    static let name = "SCALAR_HTML"

    func escapeText(_ text: String) -> String { ScalarHTML.escaped(text) }

    static func escaped(_ text: String) -> String {
        var escaped = ""
        escaped.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "&": escaped += "&amp;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
