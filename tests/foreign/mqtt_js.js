// MQTT.js in versions 3.1, 3.1.1 and 5, every QoS: PORT.
'use strict';
const assert = require('assert');
const fs = require('fs');
const mqtt = require('mqtt');

const port = Number(process.argv[2]);
let names = 0;
const transport = process.env.TRANSPORT || 'tcp';
const carrier = {
  protocol: { tcp: 'mqtt', tls: 'mqtts', ws: 'ws', wss: 'wss' }[transport],
  path: '/mqtt',
  ca: process.env.CAFILE ? fs.readFileSync(process.env.CAFILE) : undefined,
};

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('nothing in time: ' + what)), 10000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

class Client {
  static async open(version, options = {}) {
    const self = new Client();
    self.waiting = [];
    self.messages = [];
    self.client = mqtt.connect({
      host: '127.0.0.1', port, ...carrier, protocolVersion: version,
      protocolId: version === 3 ? 'MQIsdp' : 'MQTT', reconnectPeriod: 0,
      clientId: `js${++names}`, ...options,
    });
    self.client.on('message', (topic, payload, packet) => {
      const taker = self.waiting.shift();
      if (taker) taker(packet); else self.messages.push(packet);
    });
    self.connack = await within(new Promise((resolve, reject) => {
      self.client.once('connect', resolve);
      self.client.once('error', reject);
    }), 'CONNACK');
    return self;
  }
  subscribe(topic, qos, more = {}) {
    return within(this.client.subscribeAsync(topic, { qos, ...more }), 'SUBACK');
  }
  publish(topic, payload, qos, more = {}) {
    return within(this.client.publishAsync(topic, payload, { qos, ...more }), 'acknowledgement');
  }
  receive() {
    if (this.messages.length) return Promise.resolve(this.messages.shift());
    return within(new Promise((resolve) => this.waiting.push(resolve)), 'message');
  }
  close() {
    return within(this.client.endAsync(), 'end');
  }
}

const tests = {
  async 'every mix of version and qos'() {
    for (const source of [3, 4, 5]) {
      for (const target of [3, 4, 5]) {
        const publisher = await Client.open(source);
        const subscriber = await Client.open(target);
        for (const sent of [0, 1, 2]) {
          for (const granted of [0, 1, 2]) {
            const topic = `js/${source}${target}${sent}${granted}`;
            await subscriber.subscribe(topic, granted);
            await publisher.publish(topic, 'hello', sent);
            const packet = await subscriber.receive();
            assert.deepStrictEqual([packet.topic, packet.payload.toString(), packet.qos],
              [topic, 'hello', Math.min(sent, granted)]);
          }
        }
        await publisher.close();
        await subscriber.close();
      }
    }
  },

  async 'order of many'() {
    for (const version of [3, 4, 5]) {
      const client = await Client.open(version);
      for (const qos of [0, 1, 2]) {
        await client.subscribe(`js/many/${version}/${qos}`, qos);
        for (let n = 0; n < 200; ++n) {
          client.client.publish(`js/many/${version}/${qos}`, String(n), { qos });
        }
        for (let n = 0; n < 200; ++n) {
          assert.strictEqual((await client.receive()).payload.toString(), String(n));
        }
      }
      await client.close();
    }
  },

  async 'durable sessions'() {
    for (const version of [4, 5]) {
      const options = {
        clientId: `durable-js-${version}`, clean: false,
        properties: version === 5 ? { sessionExpiryInterval: 1000 } : undefined,
      };
      const first = await Client.open(version, options);
      await first.subscribe(`js/durable/${version}`, 2);
      await first.close();
      const publisher = await Client.open(version);
      await publisher.publish(`js/durable/${version}`, 'waited', 2);
      await publisher.close();
      const second = await Client.open(version, options);
      assert.strictEqual(second.connack.sessionPresent, true);
      assert.strictEqual((await second.receive()).payload.toString(), 'waited');
      await second.close();
    }
  },

  async 'will and retained'() {
    for (const version of [3, 4, 5]) {
      const topic = `js/will/${version}`;
      const watcher = await Client.open(version);
      await watcher.subscribe(topic, 1);
      const victim = await Client.open(version, {
        will: { topic, payload: Buffer.from('gone'), qos: 1, retain: true },
      });
      victim.client.stream.destroy();
      assert.strictEqual((await watcher.receive()).payload.toString(), 'gone');
      const late = await Client.open(version);
      await late.subscribe(topic, 1);
      const packet = await late.receive();
      assert.deepStrictEqual([packet.payload.toString(), packet.retain], ['gone', true]);
      await watcher.close();
      await late.close();
    }
  },

  async 'properties'() {
    const client = await Client.open(5);
    await client.subscribe('js/properties', 1, { properties: { subscriptionIdentifier: 7 } });
    await client.publish('js/properties', 'x', 1, {
      properties: {
        contentType: 'text/plain', responseTopic: 'back', correlationData: Buffer.from('1234'),
        userProperties: { a: ['b', 'c'] },
      },
    });
    const seen = (await client.receive()).properties;
    assert.strictEqual(seen.contentType, 'text/plain');
    assert.strictEqual(seen.responseTopic, 'back');
    assert.strictEqual(seen.correlationData.toString(), '1234');
    assert.deepStrictEqual({ ...seen.userProperties }, { a: ['b', 'c'] });
    assert.deepStrictEqual([seen.subscriptionIdentifier].flat(), [7]);
    await client.close();
  },

  async 'a large message'() {
    const client = await Client.open(5);
    await client.subscribe('js/large', 1);
    const payload = Buffer.alloc(3000000, 'x');
    await client.publish('js/large', payload, 1);
    assert.ok((await client.receive()).payload.equals(payload));
    await client.close();
  },
};

(async () => {
  let failed = 0;
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      console.log('ok', name);
    } catch (error) {
      ++failed;
      console.log('FAILED', name, error);
    }
  }
  console.log(`${Object.keys(tests).length} tests, ${failed} failed`);
  process.exit(failed ? 1 : 0);
})();
