# Runs redact.rb as Logstash does, on lines with and without secrets. Usage: ruby logging_redact.rb redact.rb SAMPLE...
# The lines of samples have no secrets, so they must come out as they went in. Prints what is wrong, and ends with 1 if
# anything is.

class Event
  def initialize(fields)
    @fields = fields
    @tags = []
  end
  attr_reader :tags

  def to_hash = @fields
  def tag(name) = @tags << name
  def set(key, value) = @fields[key.delete("[]")] = value
  def get(key) = key.delete("[]") == key ? @fields[key] : @fields.dig(*key.scan(/\[([^\]]+)\]/).flatten)
end

# What Logstash gives a script beside `register` and `filter`: its inline tests.
class Context
  attr_reader :problems

  def test(name)
    @name = name
    yield
  end

  def in_event = @given = yield

  def expect(what)
    (@later ||= []) << [@name, what, @given, proc { |events| yield(events) }]
  end

  def run_tests
    @problems = (@later || []).reject { |_, _, given, check| check.call(filter(Event.new(given))) }
                              .map { |name, what, *| "own test: #{name}: #{what}" }
  end
end

context = Context.new
context.instance_eval(File.read(ARGV[0]), ARGV[0], 1)
context.register({})
problems = context.run_tests
problems << "it has no tests of its own" unless File.read(ARGV[0]).include?("expect(")

GONE = [
  "Authorization: Bearer abcdefgh12345678",
  "authorization: basic dXNlcjpwYXNzd29yZA==",
  "got eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJ0aWxsc3RyZWFtIn0.c2lnbmF0dXJl here",
  "postgres://tillstream_edge:hunter2hunter2@db/tillstream",
  "nats://edge:0123456789abcdef@nats:4222",
  'password = "hunter2hunter2"',
  '{"token":"0123456789abcdef"}',
  "card 4111111111111111",
  "card 4111 1111 1111 1111.",
  "card 5500-0000-0000-0004",
  "card 2223003122003222 mastercard",
  "amex 378282246310005"
].freeze
SECRETS = /hunter2|abcdefgh1|dXNlcj|eyJhbGci|0123456789abcdef|4111|5500-|222300|378282/
KEPT = [
  "4bf92f3577b34da6a3ce929d0e0e4736",
  "0195f0a1-7b7e-7cc3-98c4-dc0c0c07398f",
  "took 1732353600123456789 ns",
  "4111111111111112 does not pass the check",
  "13 digits that begin with 1: 1732353600123",
  "sale of 12 lines, total 4400, at 2026-11-23T08:00:04.000Z",
  "answers could not be sent; their clients learn the outcome by asking again",
  "the bearer token has expired",
  "nats://nats:4222 and postgres://tillstream_edge@db/tillstream"
].freeze

GONE.each do |text|
  event = Event.new("message" => text, "error" => { "message" => [text] }, "tillstream" => { "deep" => { "er" => text } })
  context.filter(event)
  problems << "left in: #{text}" if event.to_hash.to_s.match?(SECRETS)
  problems << "not tagged: #{text}" unless event.tags.include?("redacted")
end
samples = ARGV.drop(1).flat_map { |path| File.readlines(path, chomp: true) }
problems << "there are no samples" if samples.empty?
(KEPT + samples).each do |text|
  event = Event.new("message" => text)
  context.filter(event)
  problems << "changed: #{text} → #{event.get("message")}" unless event.get("message") == text && event.tags.empty?
end
number = Event.new("tillstream" => { "n" => 4_111_111_111_111_111, "m" => 1_732_353_600_123_456_789 })
context.filter(number)
problems << "a card as a number is left in" unless number.get("tillstream") == { "n" => 0, "m" => 1_732_353_600_123_456_789 }

puts problems
exit(problems.empty? ? 0 : 1)
