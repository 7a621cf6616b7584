<?php
// Symfony's EventSourceHttpClient by the loop of its documentation: php reader.php URL [SAVED-ID]. Debian's package, as
// `composer` is on few machines.
require '/usr/share/php/Symfony/Component/HttpClient/autoload.php';

use Symfony\Component\HttpClient\Chunk\ServerSentEvent;
use Symfony\Component\HttpClient\EventSourceHttpClient;

$client = new EventSourceHttpClient();
$headers = isset($argv[2]) ? ['Last-Event-ID' => $argv[2]] : [];
$source = $client->connect($argv[1], ['headers' => $headers]);
while ($source) {
    foreach ($client->stream($source, 2) as $chunk) {
        if ($chunk->isTimeout()) {
            continue;
        }
        if ($chunk->isLast()) {
            return;
        }
        if ($chunk instanceof ServerSentEvent) {
            $line = ['id' => $chunk->getId(), 'type' => $chunk->getType(), 'data' => $chunk->getData()];
            fwrite(STDOUT, json_encode($line) . "\n");
        }
    }
}
