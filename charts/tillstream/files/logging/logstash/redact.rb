# Takes bearer tokens, passwords in addresses and card numbers out of every text of an event, whatever its field.
#
# A card number is 13 to 19 digits, perhaps in groups, that begin like a card's and pass the Luhn check; other long
# numbers, such as times in nanoseconds, stay. Run by Logstash's ruby filter; its tests are at the end and are run by
# Logstash when it loads the file.

BEARER = /\b(bearer|basic)\s+[A-Za-z0-9._~+\/=-]{8,}/i
TOKEN = /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/
USERINFO = %r{(\b[a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/@]+@}i
SECRET = /\b(password|passwd|secret|token|api[_-]?key|authorization)(["']?\s*[=:]\s*["']?)[^\s"',;&}]{4,}/i
CARD = /(?<![0-9A-Za-z-])(?:[3-6]|2(?=[ -]?[2-7]))(?:[ -]?[0-9]){12,18}(?![0-9A-Za-z-])/

def luhn?(digits)
  sum = digits.reverse.each_char.with_index.sum do |digit, place|
    value = digit.to_i * (place.odd? ? 2 : 1)
    value > 9 ? value - 9 : value
  end
  (sum % 10).zero?
end

def redact_text(text)
  text
    .gsub(BEARER) { "#{$1} [redacted]" }
    .gsub(TOKEN, "[redacted]")
    .gsub(USERINFO) { "#{$1}:[redacted]@" }
    .gsub(SECRET) { "#{$1}#{$2}[redacted]" }
    .gsub(CARD) { |found| luhn?(found.delete("^0-9")) ? "[redacted]" : found }
end

def redact(value)
  case value
  when String then redact_text(value)
  when Integer then value.abs >= 10**12 && redact_text(value.abs.to_s) == "[redacted]" ? 0 : value
  when Array then value.map { |part| redact(part) }
  when Hash then value.to_h { |key, part| [key, redact(part)] }
  else value
  end
end

def register(_params); end

def filter(event)
  event.to_hash.each do |key, value|
    next if key.start_with?("@")
    clean = redact(value)
    unless clean == value
      event.set("[#{key}]", clean)
      event.tag("redacted")
    end
  end
  [event]
end

test "takes out a card number" do
  in_event { { "message" => "paid with 4111 1111 1111 1111" } }
  expect("no digits are left") { |events| events.first.get("message") == "paid with [redacted]" }
end

test "leaves other long numbers" do
  in_event { { "message" => "took 1732353600123456789 ns", "trace" => { "id" => "4bf92f3577b34da6a3ce929d0e0e4736" } } }
  expect("nothing is changed") { |events| events.first.get("message") == "took 1732353600123456789 ns" }
end
